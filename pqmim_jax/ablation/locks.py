"""Who works on what: one lock file for each piece of work, on a file system that all share.

`flock` belongs to a process: the kernel takes it back when the process ends, however it ends, so
what a dead process worked on is free at once and needs no heartbeat. The file says who holds it.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[bool]:
    """Whether this process has the work `name` to itself now; it is free again afterwards.

    Args:
      folder: where lock files lie; made if there is none. They stay, empty of meaning, when
        nobody holds them: removing one could give two processes the same work.
    """
    import fcntl  # not on Windows, where the rest of the package runs

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        file.write(f"{socket.gethostname()} {os.getpid()}\n")
        file.flush()
        yield True
