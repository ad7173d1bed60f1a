"""Which training mask and which coding schedule: the reduced grid.

PQ-MIM, El-Nouby et al., arXiv 2212.07372, stage 2; schedules of M2T, Mentzer et al. 2023, against
others. A small MIM on the codes of the packaged autoencoder: 3 masks x 2 seeds are trained, 20
schedules (6 curves of 3 stage counts, and the two without context or with one step of it) measured
on each, 120 cells in all. 204 s on two cores of an AMD EPYC.

    pqmim ablate --config=configs/ablations/masking.py --workdir=runs/masking --jobs=2 \\
        --config.data.source=folder:PHOTOS --config.evaluation.source=folder:HELD_OUT
"""

from pqmim_jax.ablation import default_config


def get_config():
    config = default_config.get_config()
    config.data.update(cache_mb=0, crops_per_image=1, num_threads=1)
    config.mim.update(width=64, depth=2, heads=2, embedding_dim=16, head_width=32)
    config.mim_training.update(
        steps=800,
        batch_size=2,  # of 4 and 400 steps, which cost the same, context teaches less
        learning_rate=3e-3,
        # Whole pictures and masks of one kind: what is compared is not blurred by mixtures.
        schedule_share=0.0,
        leading_share=0.0,
        full_quality_share=1.0,
    )
    config.checkpoints.every = 200
    config.log_every = 200
    config.ablation.update(seeds=(0, 1), crops=512)
    config.ablation.training.mim_training.mask = (
        "power(exponent=2.2)*tokens",
        "cosine*tokens",
        "uniform*blocks(size=4)",
    )
    # 9 stages is where M2T finds that more gain little; `quincunx` has odd numbers of them only.
    config.ablation.coding.update(
        order=("qlds", "random", "quincunx"), stages=(3, 5, 9), alpha=(2.2, 1.0)
    )
    config.ablation.schedules = (
        "one_shot",
        "checkerboard",
        *(f"qlds(stages={stages})*coarse_first(size=4)" for stages in (1, 3, 7)),
    )
    config.ablation.reference = "qlds(stages=9,alpha=2.2)"
    config.evaluation.update(crop=512, decode_images=1)
    return config
