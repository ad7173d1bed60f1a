"""What the Python package computes, as JSON for the tests of its JavaScript twin."""

import base64
import dataclasses
import json
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from pqmim_jax.codec.entropy_coding import run_stages
from pqmim_jax.codec.regions import cut
from pqmim_jax.codec.resize import enlarge
from pqmim_jax.codec.settings import check_settings
from pqmim_jax.codec.stream import SymbolWriter
from pqmim_jax.coding import (
    RELEASED,
    Attachment,
    Header,
    RansEncoder,
    cumulative,
    frequencies,
    pack,
    unpack,
)
from pqmim_jax.coding.header import write_fields
from pqmim_jax.masking import UNKNOWN, stage_map

SCHEDULES = (
    *("one_shot", "raster", "checkerboard", "quincunx", "quincunx(levels=1)"),
    *("quincunx(levels=12)", "qlds", "qlds(stages=3,alpha=2.2)", "qlds(stages=12,alpha=0.1)"),
    *("qlds(stages=7,alpha=10)", "qlds(stages=4096,alpha=3.1416)", "qlds(stages=2,alpha=1)"),
    *("random", "random(stages=5,seed=4294967295,alpha=2.5)", "random(seed=7)"),
    *("codebook_major", "token_major(groups=2)", "coarse_first", "qlds*coarse_first(size=1)"),
    *("qlds(stages=3)*coarse_then_fine", "checkerboard*coarse_then_fine(size=2)"),
    *("qlds(stages=3,alpha=2.2)*coarse_first(size=4)", "checkerboard*codebook_major(groups=3)"),
    *("quincunx(levels=2)*token_major", " qlds ( stages = 4 ) * joint ", "raster*token_major"),
)
GRIDS = ((16, 16, 12), (4, 4, 4), (1, 1, 1), (5, 3, 7), (1, 9, 2), (24, 24, 3), (13, 17, 5))
BAD_SCHEDULES = (
    *("", "spiral", "qlds(stages=0)", "qlds(stages=4097)", "qlds(alpha=0.05)", "qlds(alpha=1e1)"),
    *("qlds(stages=3,stages=3)", "qlds*joint*joint", "joint*qlds", "qlds(levels=3)", "qlds(3)"),
    *("random(seed=4294967296)", "coarse_first(size=0)", "qlds(alpha=2.22222)", "toString"),
    "qlds" + " " * 260,
)

BAD_ATTACHMENTS = (
    *(bytes([0, kind, 0]) for kind in (3, 15)),  # critical ones that nobody knows
    *(b"\x01\x01\x00\x01\x00", b"\x01\x11\x00\x10\x00", b"\x01\x10\x00\x10\x00"),  # order
    *(b"\x01\x10\x00\x03\x00", b"\x02\x01\x00\x00\x00\x09\x00"),  # order and a critical one
    *(b"\x40" + bytes(200), b"\x3f\x10", b"\x00\x10"),  # 65; cut short
)


def write_golden(folder: Path, codec) -> None:
    """Writes one JSON file a topic into `folder`."""
    random = np.random.default_rng(7)
    topics = {
        "schedules": _schedules(),
        "pmf": _pmf(random),
        "rans": _rans(random),
        "headers": _headers(),
        "released": [dataclasses.astuple(row) for row in RELEASED],
        "checks": _checks(random),
        "resize": _resize(random),
        "regions": _regions(random),
        "files": _files(codec, random),
    }
    for name, content in topics.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def _bytes(array) -> str:
    return base64.b64encode(
        array if isinstance(array, bytes) else np.ascontiguousarray(array).tobytes()
    ).decode()


def _schedules() -> dict:
    maps = [
        {"spec": spec, "grid": grid, "stages": _bytes(stage_map(spec, grid))}
        for spec in SCHEDULES
        for grid in GRIDS
    ]
    return {"maps": maps, "bad": BAD_SCHEDULES}


def _pmf(random) -> list:
    cases = []
    for k in (1, 2, 3, 16, 256, 1000, 4096):
        q = np.round(random.normal(0, random.choice([1, 40, 400], (5, 1)), (5, k))).astype(np.int32)
        q[1] = 0
        q[2, 0], q[2, -1] = 2**20, -(2**20)
        cases.append({"K": k, "q": _bytes(q), "tables": _bytes(cumulative(frequencies(q)))})
    return cases


def _tables(random, rows, k, width=30) -> np.ndarray:
    q = np.round(random.normal(0, width, (rows, k))).astype(np.int32)
    return cumulative(frequencies(q))


def _rans(random) -> list:
    cases = []
    for lanes, sizes in (
        (1, (5, 1, 0, 40)),
        (1, (1,)),
        (4, (3, 9)),
        (16, (100, 15)),
        (64, (1000,)),
    ):
        chunks, coder = [], RansEncoder()
        for size in sizes:
            tables = _tables(random, size, 40)
            symbols = random.integers(0, 40, size)
            starts = tables[np.arange(size), symbols]
            coder.push(starts, tables[np.arange(size), symbols + 1] - starts)
            chunks.append({"tables": _bytes(tables), "symbols": _bytes(symbols.astype(np.uint16))})
        tail = int(random.integers(0, 2**32))
        payload = coder.finish(tail, lanes)
        cases.append({"lanes": lanes, "tail": tail, "chunks": chunks, "data": _bytes(payload.data)})
    return cases


def _headers() -> dict:
    headers = [
        Header(80, 16, 1, 0x12345678, 0xABCD),
        Header(2**32, 1, 2**30, 2**32 - 1, 65535),
        Header(128, 129, 12, 7, 2**15, "qlds(stages=8,alpha=2.2)"),
        Header(1, 16384, 3, 2**31, 0, grey=True, shrink=64, stages=2, check_period=65536),
        Header(9, 9, 1, 1, 1, "one_shot", attachments=_attachments({0: 3, 2: 0})),
        Header(9, 9, 1, 1, 1, shrink=2, attachments=_attachments({0: 1, 1: 300})),
        Header(9, 9, 1, 1, 1, attachments=_attachments({1: 5, 16: 0, 100: 7, 2**32 - 1: 200})),
        Header(9, 9, 1, 1, 1, attachments=_attachments({kind: 1 for kind in range(16, 80)})),
    ]
    coder = RansEncoder()
    coder.push(np.array([3], np.uint32), np.array([7], np.uint32))
    payload = coder.finish(5)
    good = []
    for header in headers:
        attachments = [b"x" * each.length for each in header.attachments]
        data = pack(header, payload, attachments)
        known = [each.kind for each in header.attachments if each.known]
        case = {"header": dataclasses.asdict(header), "known": known, "data": _bytes(data)}
        good.append(case)
    start = pack(headers[2], payload)
    bad = [start[:n] for n in range(len(start) - len(payload.data))]
    bad += [b"GIF89a", start[:3] + b"\x61" + start[4:]]
    bad += [start[:3] + bytes([version << 5]) + start[4:] for version in (0, 1, 2, 4, 7)]
    fields = write_fields(Header(5, 5, 1, 1, 1))
    for extra in (b"\x02\x00", b"\x02\x20", b"\x02\x10\x05", b"\x02\x02\xff\xff\x07", b"\x01\x00"):
        bad.append(start[:4] + fields[:-1] + extra)
    for listed in BAD_ATTACHMENTS:
        bad.append(start[:4] + fields[:-1] + b"\x02\x10" + listed)
    bad += [start[:10] + b"\x80\x00" + start[12:], start[:10] + b"\xff\xff\xff\xff\x1f"]
    return {"good": good, "bad": [{"data": _bytes(each), **_error(each)} for each in bad]}


def _attachments(lengths: dict[int, int]) -> tuple[Attachment, ...]:
    return tuple(Attachment(*each) for each in lengths.items())


def _error(data: bytes) -> dict:
    try:
        unpack(data)
    except ValueError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": None}


def _checks(random) -> dict:
    """A payload long enough for checks and several lanes."""
    writer, chunks = SymbolWriter(), []
    for size in (700, 1, 2300, 64, 1500, 900):
        tables = _tables(random, size, 60, width=90)
        symbols = random.integers(0, 60, size)
        writer.write(tables, symbols)
        chunks.append({"tables": _bytes(tables), "symbols": _bytes(symbols.astype(np.uint16))})
    period = writer.check_period()
    payload = writer.coder(period).finish(77)
    assert period is not None and period < 4
    return {"period": period, "chunks": chunks, "data": _bytes(payload.data), "tail": 77}


def _resize(random) -> list:
    cases = []
    for size, target in (
        ((7, 5), (20, 9)),
        ((3, 4), (3, 31)),
        ((1, 1), (6, 5)),
        ((30, 9), (60, 18)),
    ):
        small = random.integers(0, 256, (*size, 3), np.uint8)
        case = {"from": size, "to": target, "pixels": _bytes(small)}
        cases.append(case | {"enlarged": _bytes(enlarge(small, target))})
    luma = random.integers(0, 256, (50, 50, 3), np.uint8)
    grey = np.asarray(Image.fromarray(luma).convert("L"))
    return [{"cases": cases, "colour": _bytes(luma), "luma": _bytes(grey)}]


def _regions(random) -> list:
    cases = []
    sizes = ((1, 1), (48, 32), (7, 13), (16, 33), (64, 64), (1, 5000), (120, 68), (40, 9), (23, 31))
    limits = ((4, 2048, 4), (1, 512, 2), (1, 40, 2), (0, 300, 2))
    for tokens, limits_of_one in product(sizes, limits):
        regions = cut(tokens, *limits_of_one)
        size = tuple(n * 2 - int(random.integers(0, 2)) for n in tokens)
        image = random.integers(0, 256, (*size, 2), np.uint8)
        shown = regions[-1].shown(image, 2)
        cases.append(
            {
                "tokens": tokens,
                "limits": limits_of_one,
                "regions": [dataclasses.asdict(region) for region in regions],
                "size": size,
                "image": _bytes(image),
                "shown": _bytes(shown),
                "mask": _bytes(regions[-1].mask(tokens)),
            }
        )
    return cases


def _files(codec, random) -> list:
    """Files of the tiny model with all that the network says while they are coded."""
    requests = (
        ((50, 70), {}),
        ((1, 1), {"quality": 1}),
        ((150, 200), {"schedule": "qlds(stages=4)*coarse_first(size=2)", "rate_weight": 0.0}),
        ((200, 150), {"quality": 3, "shrink": 2, "schedule": "checkerboard*token_major"}),
        ((70, 130), {"stages": 2}),
        ((592, 592), {}),  # more than one block of windows
    )
    return [_file(codec, random, size, options) for size, options in requests]


def _file(codec, random, size, options) -> dict:
    smooth = random.integers(0, 256, (6, 6, 3), np.uint8)
    image = np.asarray(Image.fromarray(smooth).resize(size[::-1], Image.Resampling.BICUBIC))
    request = {"quality": None, "rate_weight": None, "schedule": None, "stages": None, "shrink": 1}
    settings = check_settings(codec.limits, **(request | options))
    prepared = codec.prepare(image)
    encoded = codec.encode_prepared(prepared, settings)
    header, _ = unpack(encoded.data)
    order = codec.coding_order(header)
    chunks = []

    def replay(tables, chunk):
        symbols = encoded.indices[chunk.rows, chunk.columns, chunk.m]
        chunks.append({"m": chunk.m, "tables": _bytes(tables)})
        return symbols

    known = order.grid.padded_unknown(codec.qualities, UNKNOWN)
    stages = header.stages or order.stage_count
    run_stages(codec.programs, order, known, range(stages), replay)
    return {
        "data": _bytes(encoded.data),
        "config": {"f": codec.pixels_per_token, **codec.model.config["codec"]},
        "M": codec.qualities,
        "K": codec.model.config["autoencoder"]["num_codewords"],
        "fingerprint": codec.model.fingerprint,
        "decoder": codec.model.decoder,
        "codebooks": _bytes(codec.codebooks),
        "latents": _bytes(prepared.reduced[settings.shrink][1]),
        "rate_weight": settings.rate_weight,
        "indices": _bytes(encoded.indices.astype(np.int32)),
        "stage_bits": list(map(float, encoded.stage_bits)),
        "stages": stages,
        "chunks": chunks,
    }
