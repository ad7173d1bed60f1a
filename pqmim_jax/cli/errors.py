"""Which exceptions are the user's to mend, and how they are said in one line."""

_WITHOUT_JAX = (
    "this needs the package {package!r}: pip install pqmim-jax (without it, compress, decompress, "
    "info and preview work with an exported --model)"
)
_EXPORT = 'exporting needs the package {package!r}: pip install "pqmim-jax[export]"'
_OPTIONAL = {
    **dict.fromkeys(("jax", "flax", "ml_collections", "safetensors", "scipy"), _WITHOUT_JAX),
    **dict.fromkeys(("onnx", "onnxruntime"), _EXPORT),
    "shtab": "the package {package!r} is not installed: pip install shtab",
}


class CommandError(Exception):
    """A command cannot do what was asked, for a reason outside this program."""


def user_message(error: BaseException) -> str | None:
    """One line for an error in what came from outside; None for a bug in this program."""
    # Here and not above: these need NumPy, which `pqmim --help` must not wait for.
    from pqmim_jax.coding import PqmError
    from pqmim_jax.images import ImageError
    from pqmim_jax.model_store import ModelError
    from pqmim_jax.runtime.manifest import ExportError

    if isinstance(error, ModuleNotFoundError):
        return _missing_package(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return _one_line(f"{where}{error.strerror}")
    if isinstance(error, CommandError | PqmError | ImageError | ModelError | ExportError | OSError):
        return _one_line(str(error))
    return None


def _missing_package(error: ModuleNotFoundError) -> str | None:
    room = (error.name or "").startswith("pqmim_jax.")  # left out of the runtime without JAX
    package = "pqmim-jax" if room else (error.name or "").split(".")[0]
    message = _WITHOUT_JAX if room else _OPTIONAL.get(package)
    return message and message.format(package=package)


def _one_line(text: str) -> str:
    return " ".join(text.split())
