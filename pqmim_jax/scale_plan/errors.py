"""What can be wrong with a plan."""


class PlanError(ValueError):
    """A plan cannot be made: the message says why, in one line."""


class MissingLibtpu(PlanError):
    """The compiler is not installed."""

    def __init__(self):
        """Says how to install it."""
        super().__init__("compiling for a TPU needs libtpu: pip install 'pqmim-jax[plan]'")
