"""Compiled programs kept on disk, so that a second `pqmim` command neither traces nor compiles.

Two layers: the traced program (StableHLO through `jax.export`), keyed by everything that decides
what it computes, and below it JAX's own compilation cache. Both live in `$PQMIM_CACHE_DIR`, else in
`pqmim_jax` below the user's cache folder; deleting them costs seconds, nothing else.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.export
from jax._src.xla_bridge import backends_are_initialized  # no public name tells

from pqmim_jax.caching import cache_folder, source_digest

_SOURCES = ("models", "codec", "coding", "integer")  # what a traced program is made from
_PINNED = (
    (jax.default_matmul_precision, None),
    (jax.enable_x64, False),
    (jax.numpy_dtype_promotion, "standard"),
    (jax.numpy_rank_promotion, "allow"),
    (jax.debug_nans, False),
    (jax.debug_infs, False),
    (jax.disable_jit, False),
)
# One thread a program: sums are then always made in the same order.
_ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}


@cache
def start_backend() -> bool:
    """Starts JAX (if nothing has yet) with one thread inside a program; once in a process.

    The compile option alone leaves last bits that depend on the number of cores: XLA splits some
    work by the size of its thread pool, which it takes from NPROC once, when it starts. Parallel
    windows do not need that pool. Where the caller has already used JAX, its pool stays: last bits
    of floats may then be others, which no file of integers depends on.

    Returns:
      Whether nothing had started JAX before.
    """
    if backends_are_initialized():
        return False
    # Else programs queue up for that pool's one thread, whichever thread of ours calls them.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    before = os.environ.get("NPROC")
    os.environ["NPROC"] = "1"
    try:
        jax.devices()
    finally:
        if before is None:
            del os.environ["NPROC"]
        else:
            os.environ["NPROC"] = before
    return True


def start_backend_for_floats() -> None:
    """As `start_backend`, for files that last bits of floats decide about: may warn.

    Not if the pool has one thread whoever started it, or the programs run elsewhere anyway.
    """
    one_thread = start_backend() or os.environ.get("NPROC") == "1" or os.cpu_count() == 1
    if not one_thread and jax.default_backend() == "cpu":
        warnings.warn(
            "JAX was in use before the hyperprior codec: on CPU its files may then not decode in "
            "another process. Load it first, or set NPROC=1 before JAX starts",
            stacklevel=4,
        )


def compiled(name: str, config: dict, trace: Callable[[], Callable], arguments: tuple) -> Callable:
    """A program compiled for the default device.

    Args:
      name: of the program, for the file's name.
      config: JSON-able; with the package's own source, what decides about the program.
      trace: makes the Python function; called only when the program is not in the cache.
      arguments: trees of arrays or `jax.ShapeDtypeStruct`s, the function's arguments.
    """
    use_compilation_cache()
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), arguments)
    path = cache_folder() / f"{name}-{_digest(config, shapes)}.stablehlo"
    with pinned_settings():
        exported = _read(path)
        if exported is None:
            exported = jax.export.export(jax.jit(trace()))(*shapes)
            _write(path, exported.serialize())
        options = _ONE_THREAD if jax.default_backend() == "cpu" else None
        return jax.jit(exported.call).lower(*shapes).compile(options)


@contextmanager
def pinned_settings() -> Iterator[None]:
    """JAX's settings as they are by default, those that reach a traced program.

    What a program computes must depend on the model, not on the caller's settings or on environment
    variables such as JAX_DEFAULT_MATMUL_PRECISION; nor may the cache keep what they made.
    """
    with ExitStack() as stack:
        for setting, value in _PINNED:
            stack.enter_context(setting(value))
        yield


def use_compilation_cache() -> None:
    """Turns JAX's cache on, unless the user has already configured one."""
    if jax.config.jax_compilation_cache_dir:
        return
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _digest(config: dict, shapes: Any) -> str:
    parts = (json.dumps(config, sort_keys=True), str(shapes), jax.__version__)
    text = "\n".join((*parts, jax.default_backend(), source_digest(*_SOURCES)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _read(path: Path) -> jax.export.Exported | None:
    try:
        return jax.export.deserialize(bytearray(path.read_bytes()))
    except Exception:  # whatever is wrong with a cached file, it can be made again
        return None


def _write(path: Path, data: bytes) -> None:
    """Atomic, and optional: without a writable cache everything still works, only slower."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
