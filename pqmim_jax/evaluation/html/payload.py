"""What the page's script reads: numbers and pictures, no markup."""

from pqmim_jax.evaluation.html.crops import build_crops
from pqmim_jax.evaluation.html.document import EvaluationFileError
from pqmim_jax.evaluation.html.folder import Folder, data_uri, thumbnail
from pqmim_jax.evaluation.html.gains import (
    gains_at_equal_rate,
    primary_codec,
    reference_codec,
    worst_first,
)
from pqmim_jax.evaluation.html.heatmaps import build_heatmaps

THUMBNAIL_SIDE = 256  # pixels
SMALL_SIDE = 96  # for all pictures beyond those that are shown large
MAX_THUMBNAILS = 500
_SHOWN = ("codec", "setting", "file", "bytes", "bpp", "psnr", "ms_ssim", "lpips")
_KEPT = (*_SHOWN, "encode_seconds", "decode_seconds", "ideal_bits", "static_bits")
_MEANS = ("bpp", "psnr", "ms_ssim", "lpips")


def build_payload(document: dict, folder: Folder) -> dict:
    """Plain Python values, ready for JSON.

    Raises:
      EvaluationFileError: pictures or maps in the folder disagree with its records.
    """
    records = document["images"]
    gains = gains_at_equal_rate(records)
    primary, reference = primary_codec(document), reference_codec(document)
    files = worst_first(records, gains, primary, reference)
    crops = build_crops(folder, records, primary, files)
    large = [picture["file"] for picture in crops["pictures"]] if crops else files[:24]
    maps = build_heatmaps(folder, records, _mapped(document, crops, large))
    everything = list(dict.fromkeys([*files, *(record["file"] for record in records)]))
    return {
        "primary": primary,
        "reference": reference,
        "codecs": [_codec(codec) for codec in document["codecs"]],
        "published": [_published(curve) for curve in document["published"]],
        "records": [
            {
                **{key: _rounded(record[key]) for key in _KEPT},
                "gains": {codec: round(value, 4) for codec, value in gain.items()},
            }
            for record, gain in zip(records, gains, strict=True)
        ],
        "pictures": _thumbnails(folder, records, everything, set(large)),
        "crops": crops,
        "maps": maps,
    }


def _rounded(value):
    """Floats to eight digits: thousands of records are most of the page's text."""
    return float(f"{value:.8g}") if isinstance(value, float) else value


def _codec(codec: dict) -> dict:
    """A measured curve: points of increasing rate."""
    points = [
        {
            "setting": setting["setting"],
            "images": setting["images"],
            **{key: setting["means"][key] for key in _MEANS},
            "fid": setting["fid"],
            "kid": setting["kid"],
        }
        for setting in codec["settings"]
    ]
    points.sort(key=lambda point: point["bpp"])
    return {**{key: codec[key] for key in ("name", "label", "family")}, "points": points}


def _published(curve: dict) -> dict:
    points = [{key: point[key] for key in _MEANS} for point in curve["points"]]
    points.sort(key=lambda point: point["bpp"])
    return {"name": curve["name"], "points": [p for p in points if p["bpp"] > 0]}


def _mapped(document: dict, crops: dict | None, files: list[str]) -> list[int]:
    """Records of PQ-MIM codecs whose bits are shown: those at the highest rate of the crops.

    Without crops, every codec's largest file.
    """
    ours = {codec["name"] for codec in document["codecs"] if codec["family"] == "pqmim"}
    records = document["images"]
    if crops:
        shown = [e["record"] for picture in crops["pictures"] for e in picture["levels"][-1]]
        return [index for index in shown if records[index]["codec"] in ours]
    indices = []
    for file in files:
        for codec in sorted(ours):
            own = [i for i, r in enumerate(records) if (r["file"], r["codec"]) == (file, codec)]
            indices += sorted(own, key=lambda i: records[i]["bytes"])[-1:]
    return indices


def _thumbnails(folder: Folder, records: list[dict], files: list[str], large: set[str]) -> dict:
    """{file: {"width", "height", "thumbnail": address or None}}"""
    sizes: dict[str, tuple[int, int]] = {}
    for record in records:
        size = (record["width"], record["height"])
        if sizes.setdefault(record["file"], size) != size:
            raise EvaluationFileError(f"records of {record['file']!r} disagree about its size")
    pictures = {}
    for place, file in enumerate(files):
        original = folder.original(file) if place < MAX_THUMBNAILS else None
        side = THUMBNAIL_SIDE if file in large else SMALL_SIDE
        uri = None if original is None else data_uri(thumbnail(original, side))
        width, height = sizes[file]
        pictures[file] = {"width": width, "height": height, "thumbnail": uri}
    return pictures
