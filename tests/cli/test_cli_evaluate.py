"""`pqmim evaluate`: how its arguments may be written."""

import json

import pytest


@pytest.mark.parametrize(
    "arguments, measured",
    [
        (["--quality", "2,1", "DIR"], [2, 1]),
        (["--quality=2,1", "DIR"], [2, 1]),
        (["DIR", "--quality", "2", "1"], [2, 1]),
        (["DIR", "--quality", "2,1"], [2, 1]),
        (["--quality", "2", "1", "DIR"], [2, 1]),
        (["--quality", "3", "--jpeg", "DIR"], [3]),
    ],
)
def test_quality_before_and_after_the_folder(
    pqmim, png, codec_loaded_once, monkeypatch, arguments, measured
):
    report = png.parent / "report.json"
    words = [str(png.parent) if word == "DIR" else word for word in arguments]
    done = pqmim("evaluate", *words, "--json", report)
    assert done.code == 0
    images = json.loads(report.read_text())["images"]
    assert sorted({image["quality"] for image in images}) == sorted(measured)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--quality", "7", "9"], "required: DIR"),
        ([], "required: DIR"),
        (["--quality", "7,x", "DIR"], "expected numbers such as 4,8 or 4 8, got '7,x'"),
        (["--quality", "7,", "DIR"], "got '7,'"),
        (["--quality", "DIR"], "got 'DIR'"),
        (["DIR", "--quality", "high"], "got 'high'"),
        (["DIR", "OTHER"], "unrecognized arguments: OTHER"),
    ],
)
def test_wrong_usage_is_said_clearly(pqmim, arguments, message):
    done = pqmim("evaluate", *arguments)
    assert done.code == 2
    assert message in done.error_lines[-1]


def test_quality_that_the_model_lacks(pqmim, png, codec_loaded_once):
    done = pqmim("evaluate", "--quality", "2,9", png.parent)
    assert done.code == 1
    assert "--quality must be from 1 to 4" in done.err
