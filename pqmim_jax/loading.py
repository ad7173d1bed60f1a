"""A codec by the name of its model, run by what is faster here.

ONNX Runtime starts in a fraction of the time that JAX takes, needs less memory, and on a CPU is at
least as fast (README, speed). So it is taken where it is installed, unless JAX has an accelerator.
Its programs are exported once for each model and kept in the cache. Files are the same either way.
"""

import hashlib
import os
import warnings
from collections.abc import Callable
from importlib import util
from pathlib import Path

from pqmim_jax.caching import cache_folder, source_digest

JAX, ONNX = RUNTIMES = ("jax", "onnx")
RUNTIME_VARIABLE = "PQMIM_RUNTIME"  # of the environment: the runtime, where none is asked for
_DECIDES = (
    "models",
    "codec",
    "coding",
    "integer",
    "export",
    "runtime",
)  # what an export is made of
_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm60_plugin", "jax_rocm7_plugin")
_TPU_DEVICES = ("/dev/accel0", "/dev/vfio/0")


def default_runtime(model: str | Path | None = None) -> str:
    """The runtime of a model where none is asked for: $PQMIM_RUNTIME, or what is faster here.

    Raises:
      ValueError: $PQMIM_RUNTIME names none.
    """
    if is_exported(model) or not _installed("jax"):
        return ONNX
    if wanted := os.environ.get(RUNTIME_VARIABLE):
        if wanted not in RUNTIMES:
            choices = ", ".join(RUNTIMES)
            raise ValueError(f"{RUNTIME_VARIABLE} is {wanted!r}; choices: {choices}")
        return wanted
    return ONNX if _installed("onnxruntime", "onnx") and not _has_accelerator() else JAX


def is_exported(model: str | Path | None) -> bool:
    """Whether it is a folder that `pqmim export` made."""
    from pqmim_jax.runtime.manifest import MANIFEST

    return model is not None and (Path(model) / MANIFEST).is_file()


def load_codec(
    model: str | Path | None = None,
    *,
    runtime: str | None = None,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
):
    """The `Codec` of a model.

    Args:
      model: a packaged model's name, a model folder, a training workdir, or a folder that
        `pqmim export --format onnx` made; default: the packaged default model.
      runtime: "jax" or "onnx"; default: `default_runtime`.
      threads: how many windows or regions are worked on at once (any number gives the same bytes).
      say: gets a line before something that takes seconds, once.

    Raises:
      ModelError, ExportError: there is no such model, or it is damaged; or ONNX Runtime is asked
        for and not installed.
    """
    from pqmim_jax.model_store import DEFAULT

    if is_exported(model):
        from pqmim_jax.runtime import load_codec as load_exported

        return load_exported(model, threads=threads)
    name = DEFAULT if model is None else model
    chosen = runtime or default_runtime(name)
    if chosen == ONNX:
        folder = _cached_export(name, required=runtime is not None, say=say)
        if folder is not None:
            return load_codec(folder, threads=threads)
    from pqmim_jax.codec import Codec

    return Codec.load(name, threads=threads)


def _cached_export(name: str | Path, *, required: bool, say) -> Path | None:
    """Folder of a model's ONNX programs, made if it is not there.

    None: it cannot be made here, and something else will do (`required` is false).
    """
    from pqmim_jax.model_store import model_path

    if not _installed("jax", "onnx"):
        return _nothing_to_export_with(required or not _installed("jax"))
    path = model_path(name)
    folder = cache_folder() / f"onnx-{_digest(path)}"
    if is_exported(folder):
        return folder
    if say is not None:
        say(f"preparing model {name} for ONNX Runtime, once")
    try:
        _export(name, folder)
    except Exception as error:  # of many kinds: a read-only cache, a model that has no such export
        if required:
            raise
        warnings.warn(f"ONNX Runtime is not used: {error}", stacklevel=2)
        return None
    return folder


def _nothing_to_export_with(required: bool) -> None:
    from pqmim_jax.runtime.manifest import ExportError

    if required:
        raise ExportError(
            "ONNX Runtime needs --model FOLDER, or PQMIM_MODEL set to it: a model exported by "
            "`pqmim export small --format onnx -o FOLDER`; or the packages jax and onnx to do that"
        )


def _export(name: str | Path, folder: Path) -> None:
    from pqmim_jax.export import export_model
    from pqmim_jax.model_store import load_model
    from pqmim_jax.runtime.manifest import ExportError

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        export_model(load_model(name), ONNX, folder, verified=False)
    except ExportError:
        if not is_exported(folder):  # else another process was faster
            raise


def _digest(path: Path) -> str:
    """Of the model, this package's source and the exporter: what decides about the programs."""
    from importlib import metadata  # slow to import

    digest = hashlib.sha256(source_digest(*_DECIDES).encode())
    digest.update(metadata.version("onnxruntime").encode())
    for file in ("model.json", "weights.safetensors"):
        digest.update((path / file).read_bytes())
    return digest.hexdigest()[:24]


def _installed(*packages: str) -> bool:
    return all(util.find_spec(package) is not None for package in packages)


def _has_accelerator() -> bool:
    """Without starting JAX, which takes as long as decoding a picture."""
    platforms = os.environ.get("JAX_PLATFORMS")
    if platforms:
        return platforms.split(",")[0] != "cpu"
    if any(_installed(plugin) for plugin in _PLUGINS):
        return True
    return _installed("libtpu") and any(Path(device).exists() for device in _TPU_DEVICES)
