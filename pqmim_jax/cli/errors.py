"""Which exceptions are the user's to mend, and how they are said in one line."""


class CommandError(Exception):
    """A command cannot do what was asked, for a reason outside this program."""


def user_message(error: BaseException) -> str | None:
    """One line for an error in what came from outside; None for a bug in this program."""
    # Here and not above: these need NumPy, which `pqmim --help` must not wait for.
    from pqmim_jax.coding import PqmError
    from pqmim_jax.images import ImageError
    from pqmim_jax.model_store import ModelError

    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return _one_line(f"{where}{error.strerror}")
    if isinstance(error, CommandError | PqmError | ImageError | ModelError | OSError):
        return _one_line(str(error))
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
