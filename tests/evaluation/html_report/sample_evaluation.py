"""Makes evaluation folders: real JPEG and WebP files, and a codec that pretends to be PQ-MIM."""

import io
import json
import math

import numpy as np
from PIL import Image

STAGES = 5


def make_evaluation(
    folder, pictures, files, *, qualities=(5, 15, 40), change=lambda document: None
):
    """Fills `folder` for the pictures `files` of folder `pictures`; returns the document.

    Args:
      change: may change the document in place before it is written.
    """
    rng = np.random.default_rng(0)
    records = []
    for file in files:
        image = Image.open(pictures / file).convert("RGB")
        for codec, settings in _settings(qualities).items():
            for setting, options in settings.items():
                record = _measure(folder, file, image, codec, setting, options)
                if codec == "small":
                    record |= _bits(folder, record, rng)
                records.append(record)
    document = _document(records, pictures, files)
    change(document)
    (folder / "evaluation.json").write_text(json.dumps(document))
    return document


def _settings(qualities):
    pillow = {f"q{q}": {"quality": q} for q in qualities}
    return {
        "small": {"q4": {"quality": 1, "shrink": 3}, "q8": {"quality": 1}, "q12": {"quality": 30}},
        "jpeg": pillow,
        "webp": {f"q{q}": {"quality": q // 2} for q in qualities},
    }


def _measure(folder, file, image, codec, setting, options):
    small = image.resize([max(1, n // options.get("shrink", 1)) for n in image.size])
    buffer = io.BytesIO()
    form = "JPEG" if codec == "jpeg" else "WEBP"
    small.save(buffer, form, quality=options["quality"])
    decoded = Image.open(buffer).convert("RGB").resize(image.size, Image.Resampling.BICUBIC)
    path = folder / "decoded" / codec / setting / f"{file.rpartition('.')[0]}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    decoded.save(path, compress_level=1)
    error = np.asarray(image, np.float64) - np.asarray(decoded, np.float64)
    psnr = 10 * math.log10(255**2 / max(1e-6, np.mean(error**2)))
    size = len(buffer.getvalue())
    return {
        "codec": codec,
        "setting": setting,
        "file": file,
        "width": image.width,
        "height": image.height,
        "bytes": size,
        "bpp": 8 * size / image.width / image.height,
        "psnr": psnr,
        "ms_ssim": 1 - 10 ** (-psnr / 22),
        "lpips": 0.9 * 10 ** (-(psnr - 15) / 25),
        "encode_seconds": 0.01,
        "decode_seconds": 0.005,
    }


def _bits(folder, record, rng):
    """Bits that add up to the file's size: each token is coded in one stage."""
    h, w = -(-record["height"] // 16), -(-record["width"] // 16)
    bits = rng.gamma(3, 1, (h, w)).astype(np.float32)
    bits += 6 * np.sin(np.arange(w) / 5) ** 2
    bits *= 8 * record["bytes"] / bits.sum()
    stage = rng.integers(0, STAGES, (h, w))
    maps = np.where(stage == np.arange(STAGES)[:, None, None], bits, 0).astype(np.float32)
    stem = record["file"].rpartition(".")[0]
    path = folder / "bits" / record["codec"] / record["setting"] / f"{stem}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, bits=maps)
    ideal = float(maps.sum())
    return {
        "ideal_bits": ideal,
        "static_bits": 1.6 * ideal,
        "stage_bits": [float(b) for b in maps.sum((1, 2))],
    }


def _document(records, pictures, files):
    pixels = {r["file"]: r["width"] * r["height"] for r in records}
    return {
        "schema": "pqmim-evaluation/1",
        "pictures": {"folder": str(pictures), "count": len(files), "pixels": sum(pixels.values())},
        "codecs": [
            _codec(records, "small", "PQ-MIM small", "pqmim"),
            _codec(records, "jpeg", "JPEG 4:2:0", "classical"),
            _codec(records, "webp", "WebP", "classical"),
        ],
        "features": None,
        "published": [
            {
                "name": "Scale hyperprior (Ballé 2018)",
                "source": "A results folder at a commit",
                "date": "2021-05-01",
                "averaging": "means over images at each setting",
                "points": [
                    {"bpp": 0.131, "psnr": 27.58, "ms_ssim": 0.92},
                    {"bpp": 0.209, "psnr": 29.20, "ms_ssim": 0.945},
                    {"bpp": 0.32, "psnr": 30.97, "ms_ssim": 0.962},
                ],
            }
        ],
        "bd": [
            _bd("jpeg", "small", -0.312, 1.43, [23.1, 26.2], None),
            _bd("jpeg", "webp", -0.42, 2.1, [24.1, 30.2], None),
            _bd("webp", "small", None, None, None, "no common range of PSNR"),
        ],
        "images": records,
        "environment": {"pqmim-jax": "0.1.0", "python": "3.11.2", "platform": "Linux"},
        "command": "pqmim evaluate pictures/ --report out",
        "created": "2026-01-02T03:04:05+00:00",
    }


def _bd(reference, other, rate, quality, overlap, note):
    return {
        "reference": reference,
        "other": other,
        "metric": "psnr",
        "bd_rate": rate,
        "bd_quality": quality,
        "overlap": overlap,
        "note": note,
    }


def _codec(records, name, label, family):
    settings = dict.fromkeys(r["setting"] for r in records if r["codec"] == name)
    return {
        "name": name,
        "label": label,
        "family": family,
        "description": f"{label}, for tests",
        "version": "fingerprint 89ab" if family == "pqmim" else "13.0.0",
        "settings": [_mean(records, name, setting) for setting in settings],
    }


def _mean(records, name, setting):
    mine = [r for r in records if (r["codec"], r["setting"]) == (name, setting)]
    keys = ("bytes", "bpp", "psnr", "ms_ssim", "lpips", "encode_seconds", "decode_seconds")
    return {
        "setting": setting,
        "parameters": {},
        "images": len(mine),
        "means": {key: float(np.mean([r[key] for r in mine])) for key in keys},
        "fid": None,
        "kid": None,
        "kid_standard_error": None,
    }
