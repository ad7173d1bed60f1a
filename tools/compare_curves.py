"""BD-rate of one report of `pqmim evaluate` against another, and the range of PSNR it is over.

    python tools/compare_curves.py REFERENCE.json OTHER.json [--reference NAME]

With --reference jpeg or webp the reference is that format's curve in the first report (made with
`pqmim evaluate --jpeg`). Negative: the second needs fewer bits.
"""

import argparse
import json
import sys
from pathlib import Path

from pqmim_jax.evaluation.bd_rate import bd_rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference_report", type=Path, metavar="REFERENCE.json")
    parser.add_argument("other_report", type=Path, metavar="OTHER.json")
    parser.add_argument("--reference", metavar="NAME", help="a format in the first report")
    options = parser.parse_args()
    try:
        reference = json.loads(options.reference_report.read_text())
        other = json.loads(options.other_report.read_text())
        points = baseline(reference, options.reference) if options.reference else reference["mean"]
        share, (low, high) = bd_rate(curve(points), curve(other["mean"]))
    except (OSError, KeyError, ValueError) as error:
        print(f"compare_curves.py: {error}", file=sys.stderr)
        return 1
    print(f"BD-rate {share:+.1%} over {low:.2f} to {high:.2f} dB")
    return 0


def baseline(report: dict, name: str) -> list[dict]:
    found = report.get("baselines", {})
    if name not in found:
        raise ValueError(
            f"no baseline {name!r} in the report; there are: {', '.join(found) or '-'}"
        )
    return found[name]


def curve(points: list[dict]) -> list[tuple[float, float]]:
    return [(point["bpp"], point["psnr"]) for point in points]


if __name__ == "__main__":
    sys.exit(main())
