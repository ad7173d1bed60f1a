"""What can go wrong in an export, besides the folder."""

from pqmim_jax.runtime.manifest import ExportError


class UnsupportedOperationError(ExportError):
    """A network uses something that cannot be exported; the message names it."""
