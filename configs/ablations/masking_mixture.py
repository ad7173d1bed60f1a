"""Masks alone, or mixed as the project's trainings mix them: the reduced grid's small MIM.

PQ-MIM, El-Nouby et al., arXiv 2212.07372, stage 2. By default 70% of the examples are masked by a
stage of a schedule and 25% also see leading sub-quantizers; here two masks, with and without that.
In the workdir of `masking.py` the trainings without are taken from there.

    pqmim ablate --config=configs/ablations/masking_mixture.py --workdir=runs/masking --jobs=2 \\
        --config.data.source=folder:PHOTOS --config.evaluation.source=folder:HELD_OUT
"""

import runpy
from pathlib import Path


def get_config():
    config = runpy.run_path(str(Path(__file__).with_name("masking.py")))["get_config"]()
    options = config.ablation
    options.training_combine = "zip"
    options.training.mim_training.mask = ("power(exponent=2.2)*tokens", "cosine*tokens") * 2
    with config.unlocked():
        options.training.mim_training.schedule_share = (0.7, 0.7, 0.0, 0.0)
        options.training.mim_training.leading_share = (0.25, 0.25, 0.0, 0.0)
    options.coding.update(order=("qlds",), stages=(3, 5, 9), alpha=(2.2,))
    options.schedules = ("one_shot", "qlds(stages=3)*coarse_first(size=4)")
    return config
