"""Which training mask and which coding schedule: the larger grid, for a night or an accelerator.

PQ-MIM, El-Nouby et al., arXiv 2212.07372, stage 2; M2T, Mentzer et al. 2023, found power-law
low-discrepancy stages of alpha about 2.2 best, with 8 to 12 of them enough. 8 masks x 2 heads x 3
seeds are trained (48 MIMs of the packaged model's width), 42 schedules measured on each. About two
days on 2 CPU cores; run it in as many processes as there are cores, in one workdir.

    pqmim ablate --config=configs/ablations/masking_large.py --workdir=runs/masking_large \\
        --jobs=8 --config.data.source=folder:PHOTOS --config.evaluation.source=folder:HELD_OUT
"""

from pqmim_jax.ablation import default_config


def get_config():
    config = default_config.get_config()
    config.data.update(cache_mb=0, crops_per_image=1, num_threads=1)
    config.mim.update(width=128, depth=4, heads=4, embedding_dim=32, head_width=64)
    config.mim_training.update(
        steps=3000,
        batch_size=16,
        learning_rate=1e-3,
        warmup_steps=100,
        schedule_share=0.0,
        leading_share=0.0,
        full_quality_share=1.0,
    )
    config.checkpoints.every = 500
    config.log_every = 250
    config.ablation.update(seeds=(0, 1, 2), crops=8192)
    config.ablation.training.mim_training.mask = (
        "power(exponent=2.2)*tokens",
        "uniform*tokens",
        "cosine*tokens",
        "arccos*tokens",
        "gaussian(mean=0.55,std=0.25,low=0.5,high=1)*tokens",  # MAGE, Li et al. 2023
        "cosine*indices",
        "uniform*blocks(size=4)",
        "uniform*half_planes",
    )
    with config.unlocked():
        config.ablation.training.mim = {"head": ("depth", "independent")}
    config.ablation.coding.update(
        order=("qlds", "random"),
        stages=(2, 4, 8, 12, 16),
        alpha=(1.0, 2.2, 3.0),
    )
    config.ablation.schedules = (
        "one_shot",
        "checkerboard",
        *(f"quincunx(levels={levels})" for levels in (1, 2, 3, 4)),
        *(f"qlds(stages=8,alpha=2.2,phase={phase})" for phase in (1, 2)),
        *(f"qlds(stages={stages})*coarse_first(size=4)" for stages in (3, 8)),
        "qlds(stages=4)*token_major(groups=3)",
        "qlds(stages=4)*codebook_major(groups=3)",
    )
    config.ablation.reference = "qlds(stages=8,alpha=2.2)"
    config.evaluation.decode_images = 2
    return config
