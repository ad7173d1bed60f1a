"""What the optimisation of every stage can be told."""


def optimisation(**overrides) -> dict:
    """Fields that all stages have, with their defaults; `overrides` replace or add some."""
    return {
        "steps": 1000,
        # Seconds after which training ends, before `steps` if need be: the learning rate then falls
        # by the share of the time, so that a limited time is a whole training. Counted from the
        # first step, validation included, over all resumes; 0 = only `steps` counts.
        "max_seconds": 0.0,
        "batch_size": 16,  # global
        "accumulate_steps": 1,  # parts that a batch is split into, one in memory at a time
        "remat": False,  # recompute blocks in the backward pass: less memory, more time
        "learning_rate": 1e-3,  # peak
        "warmup_steps": 50,
        "final_lr_fraction": 0.01,
        "weight_decay": 0.0,
        "adam_b1": 0.9,
        "adam_b2": 0.99,
        "clip_norm": 1.0,
        # Of a moving average of the parameters, which validation and the model take: 0.999 for
        # some thousand steps; 0 = the last parameters.
        "average_decay": 0.0,
        "lr_scales": (),  # ((regex of parameter path, factor), ...)
        **overrides,
    }
