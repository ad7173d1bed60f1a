"""Assembles the page: templates, static sections, and the script's data."""

import base64
import hashlib
import json
import os
import re
from importlib import resources
from pathlib import Path

from pqmim_jax.evaluation.html.document import load_document
from pqmim_jax.evaluation.html.folder import Folder
from pqmim_jax.evaluation.html.payload import build_payload
from pqmim_jax.evaluation.html.sections import build_sections
from pqmim_jax.images.atomic import check_writable, write_atomically

NAME = "report.html"
# Concatenated into one function, in this order.
_SCRIPTS = (
    *("page.js", "scales.js", "chart.js", "curves.js", "table.js", "compare.js", "bits.js"),
    "start.js",
)
_STYLES = ("page.css", "parts.css")
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def write_report(
    folder: str | os.PathLike, pictures: str | os.PathLike, *, overwrite: bool = False
) -> Path:
    """Writes `report.html` into an evaluation folder: one file that needs nothing else.

    Thumbnails, crops and maps are embedded within budgets that keep the page below 25 MB; it loads
    nothing from elsewhere, and its content security policy forbids that it ever does.

    Args:
      folder: holds `evaluation.json` (schema "pqmim-evaluation/1"), and where there are any
        `decoded/<codec>/<setting>/<stem>.png` and `bits/<codec>/<setting>/<stem>.npz`.
      pictures: folder of the originals, which the records' file names are relative to. Pictures
        that are no longer there are left out, and the page says so.

    Returns:
      path of the page.

    Raises:
      EvaluationFileError: a ValueError; `evaluation.json` is missing, damaged or of another schema,
        or disagrees with the pictures beside it.
      FileExistsError: the page exists and `overwrite` is false.
    """
    path = Path(folder) / NAME
    document = load_document(Path(folder))
    check_writable(path, overwrite=overwrite)
    payload = build_payload(document, Folder(Path(folder), Path(pictures)))
    page = assemble(build_sections(document, payload), payload)
    write_atomically(path, page.encode("utf-8"), overwrite=overwrite)
    return path


def assemble(sections: dict[str, str], payload: dict) -> str:
    """The page's text.

    Args:
      sections: HTML, already escaped, for the places of the template.
      payload: values for the script, of any content.
    """
    script = "(() => {\n" + "\n".join(_template(name) for name in _SCRIPTS) + "\n})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    places = {
        **sections,
        "style": "\n".join(_template(name) for name in _STYLES),
        "script": script,
        "script_digest": digest,
        "data": json_for_script(payload),
    }
    # One pass: text that came from outside and looks like a place stays text.
    return _PLACE.sub(lambda match: places[match[1]], _template("page.html"))


def json_for_script(value) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _template(name: str) -> str:
    templates = resources.files("pqmim_jax.evaluation.html") / "templates"
    return (templates / name).read_text("utf-8")
