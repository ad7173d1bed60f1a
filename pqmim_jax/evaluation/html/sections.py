"""The parts of the page that need no script."""

from collections.abc import Iterator

from pqmim_jax.evaluation.html.markup import NONE, cell, missing, number, table, text

_METRICS = {"psnr": "PSNR", "ms_ssim": "MS-SSIM", "lpips": "LPIPS"}
# How many digits a quality of each metric is shown with, and its unit.
_QUALITY = {"psnr": (2, "dB"), "ms_ssim": (4, ""), "lpips": (4, "")}
_SUFFICIENT = 0.1  # mean share of bytes beyond which a setting is no match


def build_sections(document: dict, payload: dict) -> dict[str, str]:
    """HTML for the places of the template, escaped."""
    labels = {codec["name"]: codec["label"] for codec in document["codecs"]}
    primary = labels[payload["primary"]]
    others = [text(label) for name, label in labels.items() if name != payload["primary"]]
    return {
        "title": f"{text(primary)}: rate and distortion",
        "heading": _heading(document),
        "lead": _lead(primary, others),
        "facts": _facts(document, labels, payload),
        "notes": "".join(f"<li>{text(note)}</li>" for note in document.get("notes") or []),
        "command": text(document["command"]),
        "codecs": _codecs(document),
        "environment": _environment(document),
        "bd": _bd_table(document, labels),
        "settings": _settings_table(document),
        "published": _published(document),
        "curves_missing": _curves_missing(document),
        "crops_rule": _crops_rule(payload, primary),
        "bits_rule": _bits_rule(document, payload),
    }


def _heading(document: dict) -> str:
    count = document["pictures"]["count"]
    return f"Rate and distortion on {count} picture{'' if count == 1 else 's'}"


def _lead(primary: str, others: list[str]) -> str:
    if not others:
        return f"<b>{text(primary)}</b>, measured on whole files and 8-bit pictures."
    *most, last = others
    listed = f"{', '.join(most)} and {last}" if most else last
    return f"<b>{text(primary)}</b> beside {listed}, on whole files and 8-bit pictures."


def _facts(document: dict, labels: dict, payload: dict) -> str:
    pictures = document["pictures"]
    facts = [
        (number(pictures["count"], 0), "pictures"),
        (number(pictures["pixels"] / 1e6, 1), "megapixels"),
        (number(len(document["codecs"]), 0), "codecs"),
        (number(len(document["images"]), 0), "files measured"),
    ]
    for row in document["bd"]:
        ours = row["other"] == payload["primary"] and row["metric"] == "psnr"
        if ours and row["bd_rate"] is not None and len(facts) < 6:
            against = text(labels.get(row["reference"], row["reference"]))
            facts.append((_percent(row["bd_rate"]), f"bits against {against} at equal PSNR"))
    return "".join(f"<li><b>{value}</b> <span>{label}</span></li>" for value, label in facts)


def _percent(share: float | None) -> str:
    return number(None if share is None else 100 * share, 1, sign=True, unit="%")


def _codecs(document: dict) -> str:
    return "".join(
        f"<dt>{text(codec['label'])} <span>{text(codec['family'])}</span></dt>"
        f"<dd>{text(codec['description'])}<br><span>{text(codec['version'])}</span></dd>"
        for codec in document["codecs"]
    )


def _environment(document: dict) -> str:
    rows = [("Date", document["created"]), ("Pictures", document["pictures"]["folder"])]
    rows += _flat(document["environment"])
    if document["features"]:
        rows.append(("Features of FID and KID", document["features"].get("name", "unnamed")))
    return "".join(f"<dt>{text(key)}</dt><dd>{text(value)}</dd>" for key, value in rows)


def _flat(values: dict) -> Iterator[tuple[str, object]]:
    """Entries of nested dicts, inner ones under their own names."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield key, value


def _bd_table(document: dict, labels: dict) -> str:
    if not document["bd"]:
        return missing("No BD table: the evaluation compared no curves.")
    rows = [_bd_row(row, labels) for row in document["bd"]]
    heads = [
        ("", "Codec"),
        ("", "against"),
        ("", "metric"),
        ("number", "rate"),
        ("number", "quality"),
        ("", "range in common"),
        ("wide", "note"),
    ]
    return table("Bjøntegaard differences", heads, rows, "bd")


def _bd_row(row: dict, labels: dict) -> str:
    digits, unit = _QUALITY.get(row["metric"], (4, ""))
    rate = None if row["bd_rate"] is None else 100 * row["bd_rate"]
    kind = "" if not rate else "better" if rate < 0 else "worse"
    overlap = NONE
    if row["overlap"] and len(row["overlap"]) == 2:
        low, high = (number(end, digits) for end in row["overlap"])
        overlap = f"{low} to {high}" + (f"\u202f{unit}" if unit else "")
    return (
        f'<th scope="row">{text(labels.get(row["other"], row["other"]))}</th>'
        f"<td>{text(labels.get(row['reference'], row['reference']))}</td>"
        f"<td>{text(_METRICS.get(row['metric'], row['metric']))}</td>"
        + cell(rate, 1, sign=True, unit="%", kind=kind)
        + cell(row["bd_quality"], digits, sign=True, unit=unit)
        + f'<td>{overlap}</td><td class="wide">{text(row["note"] or "")}</td>'
    )


def _settings_table(document: dict) -> str:
    """Means of every setting: the plots in numbers. Columns without data are left out."""
    columns = [
        ("bytes", "bytes", 0),
        ("bpp", "bpp", 4),
        ("psnr", "PSNR", 2),
        ("ms_ssim", "MS-SSIM", 4),
        ("lpips", "LPIPS", 4),
        ("encode_seconds", "encode s", 3),
        ("decode_seconds", "decode s", 3),
        ("fid", "FID", 2),
        ("kid", "KID", 5),
        ("kid_standard_error", "± (KID)", 5),
    ]
    settings = [
        (codec, s, {**s["means"], **s}) for codec in document["codecs"] for s in codec["settings"]
    ]
    columns = [c for c in columns if any(values[c[0]] is not None for _, _, values in settings)]
    rows = [
        f'<th scope="row">{text(codec["label"])}</th><td>{text(setting["setting"])}</td>'
        + cell(setting["images"], 0)
        + "".join(cell(values[key], digits) for key, _, digits in columns)
        for codec, setting, values in settings
    ]
    heads = [("", "Codec"), ("", "setting"), ("number", "pictures")]
    heads += [("number", label) for _, label, _ in columns]
    return table("Means of every setting", heads, rows)


def _published(document: dict) -> str:
    if not document["published"]:
        return missing("No published curves: the evaluation names none.")
    groups: dict[tuple, list[str]] = {}
    for curve in document["published"]:
        origin = (curve["source"], curve["date"], curve["averaging"])
        groups.setdefault(origin, []).append(curve["name"])
    items = "".join(
        f"<li><b>{text(', '.join(names))}</b>: {text(source)}, {text(date)}; "
        f"{text(averaging)}.</li>"
        for (source, date, averaging), names in groups.items()
    )
    return f"<p>Dashed curves are published ones, not measured here:</p><ul>{items}</ul>"


def _curves_missing(document: dict) -> str:
    """Which plots are not there, and why."""
    settings = [s for codec in document["codecs"] for s in codec["settings"]]
    lines = [
        f"No {label}: no setting has a value."
        for key, label in _METRICS.items()
        if all(setting["means"][key] is None for setting in settings)
    ]
    if all(setting["fid"] is None and setting["kid"] is None for setting in settings):
        lines.append("No FID and KID: not computed in this evaluation.")
    elif document["features"] and not document["features"].get("comparable"):
        name = document["features"].get("name", "unnamed")
        lines.append(f"FID and KID are over the features {name}; published values are others.")
    return "".join(missing(line) for line in lines)


def _crops_rule(payload: dict, primary: str) -> str:
    crops = payload["crops"]
    if crops is None:
        return missing("No crops: the originals or the decoded pictures are not there.")
    total, shown = len(payload["pictures"]), len(crops["pictures"])
    which = f"the {shown} worst of {total} pictures" if shown < total else "every picture"
    return (
        f"<p>For {which}, the window of at most {crops['side']} pixels a side in which "
        f"{text(primary)} errs most, stored without loss. Each codec is shown at the setting whose "
        f"file is nearest in bytes to that of {text(primary)}; where none comes within "
        f"{_SUFFICIENT:.0%} the caption says so. Bytes and qualities are the whole picture’s.</p>"
    )


def _bits_rule(document: dict, payload: dict) -> str:
    if not any(codec["family"] == "pqmim" for codec in document["codecs"]):
        return missing("No maps: none of the codecs is a PQ-MIM codec.")
    maps = payload["maps"]
    if not maps["maps"]:
        return missing("No maps: the evaluation kept no bits of single tokens.")
    left = maps["left_out"]
    rest = f" {left} more had no room on this page." if left else ""
    return (
        "<p>What each token cost, in the coding stage that sent it. Where the picture shows "
        f"through, the stage sends nothing.{rest}</p>"
    )
