"""Commands run in fresh processes: seconds from start to end, and peak memory."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

# Between this program and the command stands a small process. A process counts the peak memory of
# the one that it was forked from as its own, and this program may be large.
_LAUNCHER = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
unit = 1 if sys.platform == "darwin" else 1024
took = time.perf_counter() - began
print(json.dumps([os.waitstatus_to_exitcode(status), took, unit * usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    peak_bytes: int


def python(arguments: Sequence, environment: Mapping[str, str] | None = None) -> tuple[Run, str]:
    """Runs Python with `arguments` in a fresh process, `environment` added to this one's.

    Returns:
      what it took, and its output.

    Raises:
      RuntimeError: it failed; with what it printed.
    """
    command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True
    )
    *output, last = done.stdout.splitlines() or [""]
    if done.returncode or json.loads(last)[0]:
        raise RuntimeError(f"{' '.join(map(str, arguments))} failed: {done.stderr.strip()}")
    _, seconds, peak = json.loads(last)
    return Run(seconds, peak), "\n".join(output)


def median_run(arguments: Sequence, repeat: int) -> Run:
    """Median seconds and largest peak memory of `repeat` fresh processes."""
    runs = [python(arguments)[0] for _ in range(repeat)]
    return Run(statistics.median(r.seconds for r in runs), max(r.peak_bytes for r in runs))


def phases(arguments: Sequence) -> dict:
    """What `phases.py` found, with the whole process's seconds added as "process"."""
    run, output = python([HERE / "phases.py", *arguments])
    return {**json.loads(output), "process": run.seconds}
