"""Decodes damaged files, and stops at nothing but an error of one line or the right picture.

    python tools/fuzz_codec.py --tiny --count 100000
    python tools/fuzz_codec.py --model small --count 500 --seed 7

Small valid files of all kinds are damaged (`codec_fuzz/mutations.py`) and decoded, strictly and
with `allow_truncated`. Never allowed: another exception than PqmError, more than 10 s, more than
1 GiB of peak memory, a wrong picture without a word. Such a file is saved, and the exit code is 1.
`--tiny` makes a model with random weights, which decodes in milliseconds; what is tested, the code
between file and networks, is the same.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from codec_fuzz import verdict
from codec_fuzz.examples import make_examples
from codec_fuzz.mutations import MUTATIONS, draw

_BLOCK = 100  # mutations a task
_MODES = {"strict": verdict.strict_outcome, "allow_truncated": verdict.tolerant_outcome}


@dataclass
class Findings:
    """Of some mutations: how often what came of them, and what must not be."""

    outcomes: Counter = field(default_factory=Counter)  # (kind, mode, outcome) -> files
    violations: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    peak_bytes: int = 0

    def add(self, other: "Findings") -> None:
        """Counts what another process found."""
        self.outcomes += other.outcomes
        self.violations += other.violations
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)


class Worker:
    """One process with the model loaded."""

    current: "Worker"

    def __init__(self, options: argparse.Namespace):
        """Loads the model, and compiles its programs by making the valid files."""
        from pqmim_jax import Codec

        self.options = options
        self.codec = Codec.load(options.model, threads=1)
        self.examples = make_examples(self.codec, options.large_side)

    def run(self, numbers: Iterable[int]) -> Findings:
        """Tries some mutations, by their numbers in the series."""
        findings = Findings()
        for number in numbers:
            self._try(number, findings)
        findings.peak_bytes = verdict.peak_bytes()
        return findings

    def _try(self, number: int, findings: Findings) -> None:
        files = [example.data for example in self.examples]
        kind, sources, data = draw(self.options.seed, number, files)
        right = [self.examples[i].decoded for i in sources]
        for mode, decode in _MODES.items():
            began = time.monotonic()
            try:
                outcome = decode(self.codec, data, right, self.options.max_pixels)
            except verdict.Violation as violation:
                outcome = "VIOLATION"
                path = self._save(number, kind, data)
                findings.violations.append(f"{path} ({mode}): {violation}")
            findings.outcomes[kind, mode, outcome] += 1
            findings.slowest_s = max(findings.slowest_s, time.monotonic() - began)

    def _save(self, number: int, kind: str, data: bytes) -> Path:
        folder = Path(self.options.save)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.options.seed}-{number}-{kind}.pqm"
        path.write_bytes(data)
        return path


def start_worker(options: argparse.Namespace) -> None:
    Worker.current = Worker(options)


def run_block(numbers: range) -> Findings:
    return Worker.current.run(numbers)


def fuzz(options: argparse.Namespace) -> Findings:
    """Runs all mutations in processes of their own."""
    blocks = [
        range(first, min(first + _BLOCK, options.count))
        for first in range(0, options.count, _BLOCK)
    ]
    total = Findings()
    # Spawned, not forked: JAX has threads, and peak memory must not be inherited.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, start_worker, (options,)) as pool:
        results = pool.map(run_block, blocks)
        for block in blocks:
            try:
                total.add(next(results))
            except BrokenProcessPool:
                total.violations.append(f"a process died on mutation {block.start} or later")
                break
    return total


def table(findings: Findings) -> str:
    """Markdown: a row for each kind and mode, a column for each outcome."""
    columns = sorted({outcome for _, _, outcome in findings.outcomes})
    lines = [f"| damage | mode | {' | '.join(columns)} |", "| --- " * (2 + len(columns)) + "|"]
    for kind in MUTATIONS:
        for mode in _MODES:
            counts = [findings.outcomes[kind, mode, outcome] for outcome in columns]
            lines.append(f"| {kind} | {mode} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> int:
    options = parse_options()
    with tempfile.TemporaryDirectory() as temporary:
        if options.tiny:
            from pqmim_jax.training.random_model import save_random_model, tiny_config

            options.model = temporary
            save_random_model(Path(temporary), tiny_config())
        began = time.monotonic()
        findings = fuzz(options)
    print(table(findings))
    print(
        f"{options.count} files in {time.monotonic() - began:.0f} s, seed {options.seed}: "
        f"{len(findings.violations)} violations; slowest decoding {findings.slowest_s:.2f} s, "
        f"peak memory {findings.peak_bytes / 2**20:.0f} MiB a process"
    )
    for violation in findings.violations:
        print(f"VIOLATION {violation}", file=sys.stderr)
    return 1 if findings.violations else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model", help="packaged name, model folder or workdir")
    model.add_argument("--tiny", action="store_true", help="a small model with random weights")
    parser.add_argument("--count", type=int, default=1000, help="files (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=1_000_000,
        help="limit given to the decoder, since a larger picture may rightly take longer than the "
        "time allowed (default %(default)s)",
    )
    parser.add_argument(
        "--large-side",
        type=int,
        default=0,
        help="also damage a picture of this many pixels a side, with several checksums and coder "
        "lanes; slow",
    )
    parser.add_argument("--save", default="fuzz-violations", help="folder (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
