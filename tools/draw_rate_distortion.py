"""Draws the rate-distortion curves of a document of `pqmim evaluate --json FILE`, as SVG.

    python tools/draw_rate_distortion.py DOCUMENT.json -o curves.svg [--codecs small,jpeg,webp]
        [--published "Scale hyperprior,VVC"]

Measured curves are solid, published ones (of the same pictures, see the document for their sources)
dashed.
"""

import argparse
from pathlib import Path

from pqmim_jax.evaluation.comparison import curve_of
from pqmim_jax.evaluation.schema import Document, read_document

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 980, 500, 60, 40, 300, 50
COLOURS = (
    *("#c0392b", "#7f8c8d", "#2471a3", "#1e8449", "#8e44ad"),
    *("#b9770e", "#17a589", "#333333", "#e67e22", "#5d6d7e"),
)


def curves_of(document: Document, names: list[str] | None) -> dict[str, list[tuple[float, float]]]:
    """Label to (bpp, PSNR in dB) points of the codecs called `names`; None is all."""
    return {
        codec["label"]: curve_of(codec, "psnr")
        for codec in document["codecs"]
        if names is None or codec["name"] in names
    }


def published_of(document: Document, names: list[str]) -> dict[str, list[tuple[float, float]]]:
    """The same of the published curves whose names start with one of `names`."""
    return {
        curve["name"]: [(point["bpp"], point["psnr"]) for point in curve["points"]]
        for curve in document["published"]
        if curve["name"].startswith(tuple(names))
    }


def drawing(
    document: Document, names: list[str] | None, max_bpp: float, published: list[str]
) -> str:
    measured, printed = curves_of(document, names), published_of(document, published)
    curves = {
        name: [p for p in points if p[0] <= max_bpp]
        for name, points in (measured | printed).items()
    }
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        raise SystemExit(f"nothing to draw: no such codec has points up to {max_bpp} bpp")
    levels = [psnr for points in curves.values() for _, psnr in points]
    low, high = int(min(levels)), int(max(levels)) + 1

    def place(bpp: float, psnr: float) -> tuple[float, float]:
        x = LEFT + bpp / max_bpp * (WIDTH - LEFT - RIGHT)
        y = TOP + (high - psnr) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    parts = grid(place, max_bpp, low, high)
    for i, (name, points) in enumerate(curves.items()):
        parts += curve(name, [place(*p) for p in points], i, dashed=name in printed)
    title = f"{document['pictures']['count']} images, whole files, PSNR over 8-bit RGB (mean of dB)"
    parts.append(f'<text x="{LEFT}" y="22" font-weight="700">{title}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def grid(place, max_bpp: float, low: int, high: int) -> list[str]:
    """Axes, with a line every 0.05 bpp and every dB."""
    parts = []
    for step in range(int(max_bpp / 0.05 + 1.001)):
        (x, bottom), (_, top) = place(step * 0.05, low), place(step * 0.05, high)
        parts.append(f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="#e5e5e5"/>')
        label = f"{step * 0.05:.2f}"
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    for psnr in range(low, high + 1):
        (left, y), (right, _) = place(0, psnr), place(max_bpp, psnr)
        parts.append(f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{psnr}</text>')
    middle = (WIDTH + LEFT - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">bpp</text>')
    parts.append(f'<text x="14" y="{TOP - 4}">dB</text>')
    return parts


def curve(
    name: str, points: list[tuple[float, float]], row: int, *, dashed: bool = False
) -> list[str]:
    """A line with a dot a setting, and its entry in the legend."""
    colour = COLOURS[row % len(COLOURS)]
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    path = " ".join(f"{x},{y}" for x, y in points)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points)
    left, y = WIDTH - RIGHT + 20, TOP + 20 + 20 * row
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{dots}',
        f'<line x1="{left}" y1="{y - 4}" x2="{left + 25}" y2="{y - 4}" '
        f'stroke="{colour}" stroke-width="2"{dash}/><text x="{left + 32}" y="{y}">{name}</text>',
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("document", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--max-bpp", type=float, default=0.4, help="right edge of the drawing")
    parser.add_argument("--codecs", metavar="NAMES", help="only these, such as small,jpeg")
    parser.add_argument(
        "--published",
        default="",
        metavar="NAMES",
        help='published curves whose names start so, such as "Scale hyperprior,VVC"',
    )
    options = parser.parse_args()
    names = None if options.codecs is None else options.codecs.split(",")
    published = [name for name in options.published.split(",") if name]
    drawn = drawing(read_document(options.document), names, options.max_bpp, published)
    options.output.write_text(drawn)


if __name__ == "__main__":
    main()
