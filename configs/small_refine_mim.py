"""The packaged model `small`, second run, stage 2: the MIM on rate-aware choices.

Starts from the MIM of the first run; visible indices are chosen by their price under static
frequencies, masked ones by their price under the MIM itself (ours):

    pqmim train --config=configs/small_refine_mim.py --workdir=runs/refined \\
        --config.mim_training.start_from=runs/small --config.data.source=folder:PHOTOS

It took 46 minutes on two CPU cores that did other work besides.
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_mim.py")))["get_config"]()
    config.mim_training.update(steps=1100, learning_rate=8e-4, rate_scale=1.0)
    return config
