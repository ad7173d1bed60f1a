"""Blocks of a page as Markdown and as HTML.

A block is (kind, value): heading, text and code hold a str, figure (path, what it shows), table a
list of lines of str, the first of which is its head. The first block is the title.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

Block = tuple[str, Any]

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#202024}img{max-width:100%}table{border-collapse:collapse;font-size:13px}"
    "td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:left;white-space:nowrap}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums}pre{background:#f4f4f6;padding:.6rem;"
    "overflow-x:auto}.wide{overflow-x:auto}"
)


def markdown(blocks: Sequence[Block]) -> str:
    """The page as Markdown."""
    parts = []
    for number, (kind, value) in enumerate(blocks):
        if kind == "heading":
            parts.append(f"{'#' if number == 0 else '##'} {value}")
        elif kind == "code":
            parts.append(f"```sh\n{value}\n```")
        elif kind == "figure":
            parts.append(f"![{value[1]}]({value[0]})")
        elif kind == "table":
            lines = [f"| {' | '.join(line).replace('*', chr(92) + '*')} |" for line in value]
            parts.append("\n".join([lines[0], "| " + "--- | " * len(value[0]), *lines[1:]]))
        else:
            parts.append(value)
    return "\n\n".join(parts) + "\n"


def html(blocks: Sequence[Block]) -> str:
    """The page as one HTML file; figures lie beside it."""
    title = escape(blocks[0][1])
    body = "\n".join(_html_block(number == 0, *block) for number, block in enumerate(blocks))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _html_block(first: bool, kind: str, value) -> str:
    if kind == "heading":
        tag = "h1" if first else "h2"
        return f"<{tag}>{escape(value)}</{tag}>"
    if kind == "code":
        return f"<pre>{escape(value)}</pre>"
    if kind == "figure":
        return f'<p><img src="{value[0]}" alt="{escape(value[1])}"></p>'
    if kind == "table":
        head, *rows = [[escape(cell) for cell in line] for line in value]
        lines = [f"<tr><th>{'</th><th>'.join(head)}</th></tr>"]
        lines += [f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in rows]
        return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"
    return f"<p>{escape(value)}</p>"


def _html_cell(text: str) -> str:
    number = text.lstrip("+-")[:1].isdigit()
    return f'<td class="number">{text}</td>' if number else f"<td>{text}</td>"
