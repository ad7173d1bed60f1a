"""The packaged model `small`, last run, stage 2: the MIM, on an accelerator.

Starts from the MIM that configs/small_mim.py trained on a processor:

    pqmim train --config=configs/small_refine_mim.py --workdir=runs/refined \\
        --config.mim_training.start_from=runs/small --config.data.source=folder:COPIES

Targets are chosen by frequencies for the first 60% of the training (`static_share`): chosen by the
MIM's own bits from the start they never made it look at other tokens (see the model's card). Half
of the masks are those that coding meets, half hide whole tokens.
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("small_refine_pqvae.py")))["get_config"]()
    config.stages = ("mim",)
    config.mim.dtype = "bfloat16"
    config.mim_training.update(
        steps=4770,
        batch_size=32,
        learning_rate=1.5e-3,
        warmup_steps=100,
        initialise_images=512,
        rate_scale=0.77,
        nearest_share=0.1,
        static_share=0.6,
        schedule=config.codec.schedule,
        schedule_share=0.5,
        mask="power(exponent=2.2)*tokens",
        leading_share=0.15,
    )
    return config
