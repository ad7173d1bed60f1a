"""The C allocator on CPU: keep freed memory instead of giving every buffer back at once.

XLA on CPU takes and frees large buffers at every call. glibc maps and unmaps each of them, and
the page faults that follow cost more time than some of the arithmetic: on a 2-core virtual
machine, turning that off took training from 4 to 8 images a second (same machine, same load).
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # <malloc.h>


def keep_freed_memory() -> bool:
    """Tells glibc to reuse freed memory; True if it was told.

    For programs that own their process (the `pqmim` command), before JAX starts: the process
    keeps its peak memory until it ends. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = {
        _M_MMAP_MAX: 0,
        _M_TRIM_THRESHOLD: 2**31 - 1,
        _M_TOP_PAD: 2**26,
        _M_ARENA_MAX: 1,  # other arenas are capped at 64 MiB and would map large buffers after all
    }
    return all(mallopt(option, value) == 1 for option, value in settings.items())
