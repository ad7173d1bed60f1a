"""Run as a process of its own: where the time of one file goes, as JSON.

    python phases.py compress PICTURE MODEL QUALITY
    python phases.py decompress FILE MODEL

Before the first phase there is the start of Python; that is not in the figures.
"""

import json
import sys
import time
from pathlib import Path

from timeline import CODER, LOADING, OTHER, recording

_PHASES: list[tuple[str, float]] = []


def main(action: str, path: str, model: str, quality: str = "") -> None:
    mark = time.perf_counter()

    def phase(name: str) -> None:
        nonlocal mark
        now = time.perf_counter()
        _PHASES.append((name, now - mark))
        mark = now

    from pqmim_jax.allocator import keep_freed_memory

    keep_freed_memory()  # as the command does
    from pqmim_jax.images import read_image
    from pqmim_jax.loading import load_codec

    phase("imports")
    codec = load_codec(model)
    phase("start the runtime, load the model")
    source = read_image(path) if action == "compress" else Path(path).read_bytes()
    phase("read the file")
    with recording(codec) as timeline:
        began = time.perf_counter()
        if action == "compress":
            codec.compress(source, quality=int(quality))
        else:
            codec.decompress(source)
        total = time.perf_counter() - began
    parts = timeline.seconds()
    parts[OTHER] = total - timeline.busy_s()
    share = (total - timeline.busy_s(without=CODER)) / (total - parts[LOADING])
    print(json.dumps({"phases": _PHASES, "parts": parts, "total": total, "host_share": share}))


if __name__ == "__main__":
    main(*sys.argv[1:])
