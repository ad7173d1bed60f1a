"""The document's schema: what it takes and what it refuses."""

import copy
import json

import pytest

from pqmim_jax.evaluation.schema import (
    SCHEMA,
    Comparison,
    Document,
    Record,
    SchemaError,
    check,
    read_document,
    to_json,
)

RECORD = {
    "key": "k", "codec": "jpeg", "setting": "q1", "file": "a.png", "width": 4, "height": 5,
    "bytes": 10, "bpp": 4, "psnr": None, "ms_ssim": 0.5, "lpips": None, "encode_seconds": 0.1,
    "decode_seconds": 0.2, "ideal_bits": None, "static_bits": None, "stage_bits": [1.0, 2.5],
}  # fmt: skip
DOCUMENT = {
    "schema": SCHEMA,
    "pictures": {"folder": "kodak", "count": 1, "pixels": 20},
    "codecs": [],
    "features": {"name": "vgg16", "comparable": False},
    "published": [],
    "bd": [],
    "images": [RECORD],
    "notes": ["é"],
    "environment": {"anything": [1, {"deep": None}]},
    "command": "pqmim evaluate kodak",
    "created": "2026-01-01T00:00:00+00:00",
}


def test_a_document_survives_its_file(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(to_json(DOCUMENT))
    assert read_document(path) == DOCUMENT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bytes": 1.5}, "record.bytes: expected int, got 1.5"),
        ({"bytes": True}, "record.bytes: expected int, got True"),
        ({"bpp": float("nan")}, "record.bpp: expected a finite number"),
        ({"bpp": None}, "record.bpp: expected a finite number"),
        ({"codec": None}, "record.codec: expected str"),
        ({"stage_bits": [1.0, "2"]}, r"record.stage_bits\[1\]: expected a finite number"),
        ({"more": 1}, "'more' is not a member"),
    ],
)
def test_records_of_another_shape_are_refused(change, message):
    check(RECORD, Record, "record")
    with pytest.raises(SchemaError, match=message):
        check({**RECORD, **change}, Record, "record")


def test_a_missing_member_is_named():
    document = copy.deepcopy(DOCUMENT)
    del document["images"][0]["psnr"]
    with pytest.raises(SchemaError, match=r"document.images\[0\]: 'psnr' is missing"):
        check(document, Document)


def test_only_named_metrics_are_compared():
    row = {"reference": "a", "other": "b", "metric": "ssim"}
    row |= dict.fromkeys(("bd_rate", "bd_quality", "overlap", "note"))
    with pytest.raises(SchemaError, match="metric: expected one of"):
        check(row, Comparison)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", json.dumps({**DOCUMENT, "schema": "pqmim-evaluation/2"}), "\x00"],
)
def test_files_that_are_no_document(tmp_path, text):
    path = tmp_path / "evaluation.json"
    path.write_text(text)
    with pytest.raises(SchemaError, match=r"evaluation\.json: not a"):
        read_document(path)
