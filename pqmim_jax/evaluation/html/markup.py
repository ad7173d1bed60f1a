"""Numbers and text as escaped HTML."""

from html import escape

NONE = '<span class="none" aria-label="no value">–</span>'
MINUS = "−"


def text(value) -> str:
    """Any value as text that is safe between tags and in quoted attributes."""
    return escape(str(value), quote=True)


def number(value: float | None, digits: int, *, sign: bool = False, unit: str = "") -> str:
    """A rounded number with a true minus sign, or a dash for None."""
    if value is None:
        return NONE
    shown = f"{value:{'+' if sign else ''},.{digits}f}".replace("-", MINUS).replace(",", "\u202f")
    return shown + (f"\u202f{unit}" if unit else "")


def cell(value: float | None, digits: int, *, sign: bool = False, unit: str = "", kind: str = ""):
    """A table cell with the number, and beside it what it is sorted by."""
    key = "" if value is None else f' data-sort="{value:.9g}"'
    return f'<td class="number {kind}"{key}>{number(value, digits, sign=sign, unit=unit)}</td>'


def table(caption: str, heads: list[tuple[str, str]], rows: list[str], kind: str = "") -> str:
    """A sortable table in a box of its own, which scrolls where the page is too narrow.

    Args:
      caption: escaped, read out by screen readers and shown above.
      heads: (class, escaped text) of each column.
      rows: cells of each row, as markup.
    """
    head = "".join(f'<th scope="col" class="{kind}">{label}</th>' for kind, label in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="sortable {kind}"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def missing(reason: str) -> str:
    """The one line that stands where a part of the report has no data."""
    return f'<p class="missing">{text(reason)}</p>'
