"""Draws the README's picture of the whole method: tools/pictures/architecture.svg."""

from pathlib import Path

BOXES = [  # x, y, width, lines, colour
    (20, 60, 110, ["image", "H x W x 3"], "#f2f2f2"),
    (160, 60, 130, ["encoder", "lapped transform", "+ XCiT blocks"], "#dbe9f6"),
    (320, 60, 150, ["product quantizer", "M codebooks", "of K codewords"], "#fde5cc"),
    (500, 60, 130, ["code grid", "h x w x M indices"], "#f2f2f2"),
    (660, 60, 130, ["decoder", "lapped transform", "+ XCiT blocks"], "#dbe9f6"),
    (820, 60, 110, ["picture", "H x W x 3"], "#f2f2f2"),
    (160, 215, 130, ["schedule", "stages 1 .. S", "(qlds, quincunx, ...)"], "#e6dff0"),
    (320, 215, 150, ["MIM transformer", "sees stages before s", "once a stage"], "#dff0df"),
    (500, 215, 130, ["depth head", "index m, given", "those before m"], "#dff0df"),
    (660, 215, 130, ["integer tables", "sum exactly 2^16"], "#fbdada"),
    (820, 215, 110, ["rANS coder", "NumPy", ".pqm file"], "#fbdada"),
]
ARROWS = [
    ((130, 95), (160, 95)),
    ((290, 95), (320, 95)),
    ((470, 95), (500, 95)),
    ((630, 95), (660, 95)),
    ((790, 95), (820, 95)),
    ((290, 250), (320, 250)),
    ((470, 250), (500, 250)),
    ((630, 250), (660, 250)),
    ((790, 250), (820, 250)),
    ((545, 130), (430, 215)),
    ((580, 130), (570, 215)),
]
TITLES = [
    (20, 36, "Stage 1: PQ-VAE (image to indices and back)"),
    (20, 190, "Stage 2: MIM entropy model (indices to bits)"),
]


def box(x: int, y: int, width: int, lines: list[str], colour: str) -> str:
    first = y + 40 - 8 * (len(lines) - 1)
    weights = ["600"] + ["400"] * (len(lines) - 1)
    text = "".join(
        f'<text x="{x + width / 2}" y="{first + 16 * i}" text-anchor="middle" '
        f'font-weight="{weight}">{line}</text>'
        for i, (line, weight) in enumerate(zip(lines, weights, strict=True))
    )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="70" rx="8" fill="{colour}" '
        f'stroke="#555"/>{text}'
    )


def arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#333" marker-end="url(#a)"/>'


def drawing() -> str:
    parts = [f'<text x="{x}" y="{y}" font-size="15" font-weight="700">{t}</text>'
             for x, y, t in TITLES]  # fmt: skip
    parts += [arrow(*ends) for ends in ARROWS] + [box(*b) for b in BOXES]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 950 310" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12.5">'
        '<defs><marker id="a" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
        '<path d="M0,0 L9,4 L0,8 z" fill="#333"/></marker></defs>'
        '<rect width="950" height="310" fill="white"/>' + "".join(parts) + "</svg>\n"
    )


if __name__ == "__main__":
    (Path(__file__).parent / "pictures" / "architecture.svg").write_text(drawing())
