"""The packaged model `small`, second run, stage 2: the MIM goes on for longer.

Starts from the MIM of the first run, on the autoencoder of the second:

    pqmim train --config=configs/small_refine_mim.py --workdir=runs/refined \\
        --config.mim_training.start_from=runs/small --config.data.source=folder:PHOTOS
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_mim.py")))["get_config"]()
    config.mim_training.update(
        steps=2700, schedule_share=0.9, leading_share=0.1, nearest_share=0.05
    )
    return config
