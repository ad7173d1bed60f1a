"""BD-rate and BD-quality of a codec in one document of `pqmim evaluate` against one in another.

    python tools/compare_curves.py REFERENCE.json OTHER.json [--reference NAME] [--other NAME]
        [--metric psnr|ms_ssim|lpips]

Without a name the first codec of the document is meant; --reference may name a published curve,
too. A BD-rate below zero: the second needs fewer bits.
"""

import argparse
import sys
from pathlib import Path

from pqmim_jax.evaluation.comparison import METRICS, compare
from pqmim_jax.evaluation.schema import Document, SchemaError, read_document


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference_document", type=Path, metavar="REFERENCE.json")
    parser.add_argument("other_document", type=Path, metavar="OTHER.json")
    parser.add_argument("--reference", metavar="NAME", help="codec or curve in the first document")
    parser.add_argument("--other", metavar="NAME", help="codec in the second document")
    parser.add_argument("--metric", choices=METRICS, default="psnr")
    options = parser.parse_args()
    try:
        reference = find(read_document(options.reference_document), options.reference)
        other = find(read_document(options.other_document), options.other)
    except (OSError, SchemaError, LookupError) as error:
        print(f"compare_curves.py: {error.args[0]}", file=sys.stderr)
        return 1
    found = compare(reference, other, options.metric)
    if found["note"]:
        print(f"compare_curves.py: {found['note']}", file=sys.stderr)
        return 1
    low, high = found["overlap"]
    unit = "" if options.metric == "lpips" else " dB"
    print(
        f"{found['other']} against {found['reference']}: BD-rate {found['bd_rate']:+.1%} over "
        f"{low:.2f} to {high:.2f}{unit}; {found['bd_quality']:+.3f}{unit} at equal rate"
    )
    return 0


def find(document: Document, name: str | None) -> dict:
    """The codec or published curve of this name; LookupError if there is none."""
    curves = {each["name"]: each for each in (*document["codecs"], *document["published"])}
    if name is None and document["codecs"]:
        return document["codecs"][0]
    if name not in curves:
        raise LookupError(f"no codec {name!r} in the document; there are: {', '.join(curves)}")
    return curves[name]


if __name__ == "__main__":
    sys.exit(main())
