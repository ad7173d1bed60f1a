"""Which training mask and which coding schedule: on a MIM that has learnt its context.

PQ-MIM, El-Nouby et al., arXiv 2212.07372, stage 2; M2T, Mentzer et al. 2023, found power-law
low-discrepancy stages of alpha about 2.2 best, with 8 to 12 of them enough. The packaged MIM is
trained on with each of four ways to mask and two seeds (8 trainings of 100 steps), and 28 schedules
are measured on each, 224 cells in all, in about 25 minutes of two busy cores. Starting from a
trained MIM makes schedules differ as they do in use. Its own training showed it the stages of one
schedule most of the time (`model.json` names it), which favours those; and such short trainings say
less about masks than ones from nothing do (`masking.py`).

    pqmim ablate --config=configs/ablations/masking_medium.py --workdir=runs/masking_medium \\
        --jobs=2 --config.data.source=folder:PHOTOS --config.evaluation.source=folder:HELD_OUT
"""

from pqmim_jax.ablation import default_config


def get_config():
    config = default_config.get_config()
    config.data.update(cache_mb=0, crops_per_image=1, num_threads=1)
    config.mim.embedding_dim = 16  # all other sizes of the packaged MIM are the defaults
    config.mim_training.update(
        start_from="small", steps=100, batch_size=4, learning_rate=5e-4, warmup_steps=10
    )
    config.mim_training.full_quality_share = 1.0
    config.checkpoints.every = 50
    config.log_every = 50
    config.ablation.update(seeds=(0, 1), crops=512)
    # The i-th values go together. First the project's own mixture, then masks of one kind.
    config.ablation.training_combine = "zip"
    config.ablation.training.mim_training.mask = (
        "power(exponent=2.2)*tokens",
        "power(exponent=2.2)*tokens",
        "uniform*tokens",
        "uniform*indices",
    )
    with config.unlocked():
        config.ablation.training.mim_training.schedule_share = (0.7, 0.0, 0.0, 0.0)
        config.ablation.training.mim_training.leading_share = (0.25, 0.0, 0.0, 0.0)
    config.ablation.coding.update(order=("qlds",), stages=(2, 4, 8, 12, 16), alpha=(1.0, 2.2, 3.0))
    config.ablation.schedules = (
        "one_shot",
        "checkerboard",
        *(f"random(stages={stages},alpha=2.2)" for stages in (4, 8, 12)),
        *(f"quincunx(levels={levels})" for levels in (1, 2, 3, 4)),
        *(f"qlds(stages={stages})*coarse_first(size=4)" for stages in (1, 3, 6, 10)),
    )
    config.ablation.reference = "qlds(stages=8,alpha=2.2)"
    config.evaluation.update(crop=256, decode_images=1)
    return config
