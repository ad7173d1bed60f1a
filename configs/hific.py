"""The HiFiC-style baseline: perceptual fine-tuning of a trained hyperprior.

Mentzer et al. 2020, arXiv 2006.09965: LPIPS, a discriminator conditioned on the latents, bits held
at a target; on the model of configs/hyperprior.py, with the losses and budget of
configs/small_perceptual.py. All of the model trains, as theirs does. Target rates are ours.

    pip install "pqmim-jax[train,perceptual]"
    pqmim train --config=configs/hific.py --workdir=runs/hific \\
        --config.perceptual_training.start_from=runs/hyperprior --config.data.source=folder:PHOTOS

Decoder only, files unchanged: `--config.perceptual_training.frozen=^encoder/,^to_latents/,
^linear_analysis/,^hyper_,^log_` (in one line).
"""

import runpy
from pathlib import Path


def get_config():
    base = Path(__file__).with_name("small_perceptual.py")
    config = runpy.run_path(str(base))["get_config"]()
    config.perceptual_training.update(start_from="", rate_scale=0.0, frozen=())
    # Bits a pixel, one a rate: about what the rates of a short training cost.
    config.hyperprior_training.target_rates = (0.13, 0.2, 0.3, 0.45, 0.65, 0.9)
    return config
