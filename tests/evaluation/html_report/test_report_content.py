"""What the report says: choice of crops, differences at equal rate, maps, missing parts."""

import base64
import io
import json
import math
import re
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pqmim_jax.evaluation.html import write_report
from pqmim_jax.evaluation.html.crops import build_crops, choose_levels, worst_window
from pqmim_jax.evaluation.html.document import load_document
from pqmim_jax.evaluation.html.folder import Folder
from pqmim_jax.evaluation.html.gains import gains_at_equal_rate, worst_first
from pqmim_jax.evaluation.html.heatmaps import build_heatmaps, colour, shrink
from pqmim_jax.evaluation.html.payload import build_payload


@pytest.fixture(scope="module")
def payload(sample):
    return build_payload(
        load_document(sample.evaluation), Folder(sample.evaluation, sample.pictures)
    )


def picture_of(uri):
    kind, _, data = uri.partition(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_crops_are_the_very_pixels_of_the_pictures(sample, payload):
    folder = Folder(sample.evaluation, sample.pictures)
    for picture in payload["crops"]["pictures"]:
        x, y, w, h = picture["box"]
        original = np.asarray(folder.original(picture["file"]))[y : y + h, x : x + w]
        assert np.array_equal(picture_of(payload["crops"]["uris"][picture["original"]]), original)
        for entry in (entry for level in picture["levels"] for entry in level):
            record = sample.document["images"][entry["record"]]
            decoded = np.asarray(folder.decoded(record))[y : y + h, x : x + w]
            assert np.array_equal(picture_of(payload["crops"]["uris"][entry["crop"]]), decoded)
            error = np.mean((decoded.astype(float) - original) ** 2)
            assert entry["psnr"] == pytest.approx(10 * math.log10(255**2 / error), abs=1e-4)


def test_every_codec_is_shown_at_its_size_nearest_to_the_first(payload):
    records = payload["records"]
    assert [p["file"] for p in payload["crops"]["pictures"]] == list(payload["pictures"])
    for picture in payload["crops"]["pictures"]:
        for level, setting in zip(picture["levels"], payload["crops"]["levels"], strict=True):
            shown = {records[e["record"]]["codec"]: records[e["record"]] for e in level}
            assert set(shown) == {"small", "jpeg", "webp"}
            assert shown["small"]["setting"] == setting
            for record in records:
                if record["file"] == picture["file"] and record["codec"] != "small":
                    size, best = shown["small"]["bytes"], shown[record["codec"]]["bytes"]
                    assert abs(math.log(best / size)) <= abs(math.log(record["bytes"] / size))


@pytest.mark.parametrize("share", [1.0, 0.7, 0.2, 0.001])
def test_crops_stay_within_the_budget(sample, payload, share):
    """Less room: one file size, then fewer pictures, then none."""
    everything = size_of(payload["crops"])
    records, files = sample.document["images"], list(payload["pictures"])
    folder = Folder(sample.evaluation, sample.pictures)
    crops = build_crops(folder, records, "small", files, int(share * everything))
    assert (crops is None) == (share == 0.001)
    if crops:
        assert size_of(crops) <= share * everything
        assert (len(crops["levels"]) == 2) == (share == 1.0)
        assert (len(crops["pictures"]) == len(files)) == (share > 0.2)


def size_of(crops):
    """Bytes of the WebP files."""
    return sum(len(base64.b64decode(uri.partition(",")[2])) for uri in crops["uris"])


def test_maps_beyond_the_budget_are_counted(sample):
    records = load_document(sample.evaluation)["images"]
    ours = [i for i, record in enumerate(records) if record["codec"] == "small"]
    folder = Folder(sample.evaluation, sample.pictures)
    everything = build_heatmaps(folder, records, ours)
    assert (len(everything["maps"]), everything["left_out"]) == (len(ours), 0)
    few = build_heatmaps(folder, records, ours, budget=2500)
    assert few["left_out"] > 0
    assert few["left_out"] + len(few["maps"]) == len(ours)


def test_bits_of_the_stages_are_those_of_the_records(sample, payload):
    for entry in payload["maps"]["maps"]:
        stage_bits = sample.document["images"][entry["record"]]["stage_bits"]
        assert [stage["bits"] for stage in entry["stages"]] == pytest.approx(stage_bits, rel=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_the_worst_window_has_the_largest_error(data):
    height, width = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 50))
    side = data.draw(st.integers(1, 60))
    error = np.random.default_rng(data.draw(st.integers(0, 99))).random((height, width))
    x, y, w, h = worst_window(error, side)
    assert (w, h) == (min(side, width), min(side, height))
    best = error[y : y + h, x : x + w].sum()
    for top in range(0, height - h + 1, 8):
        for left in range(0, width - w + 1, 8):
            assert error[top : top + h, left : left + w].sum() <= best + 1e-6


def record(codec, bpp, psnr, file="a", setting="q"):
    return {"codec": codec, "file": file, "bpp": bpp, "psnr": psnr, "setting": setting}


def test_gains_interpolate_in_log_rate_and_never_extrapolate():
    records = [
        record("r", 0.4, 34.0),
        record("r", 0.1, 30.0),
        record("x", 0.2, 33.0),  # halfway between 0.1 and 0.4 in log rate, where r has 32
        record("x", 0.1, 29.0),
        record("x", 0.05, 28.0),
        record("x", 0.2, None),
        record("x", 0.2, 33.0, file="b"),
    ]
    gains = gains_at_equal_rate(records)
    assert gains[2] == {"r": pytest.approx(1.0)}
    assert gains[3] == {"r": pytest.approx(-1.0)}
    assert gains[4] == gains[5] == gains[6] == {}
    assert gains[1] == {"x": pytest.approx(1.0)}


def test_worst_pictures_come_first_and_those_beyond_compare_last():
    records = [record("x", 0.2, 30.0, file) for file in "abc"]
    gains = [{"r": 0.5}, {"r": -0.5}, {}]
    assert worst_first(records, gains, "x", "r") == ["b", "a", "c"]
    for row, psnr in zip(records, (30.0, 20.0, 10.0), strict=True):
        row["psnr"] = psnr
    assert worst_first(records, [{}, {}, {}], "x", None) == ["c", "b", "a"]


def test_levels_spread_over_the_rates():
    records = [record("x", rate, 30, setting=f"q{rate}") for rate in (3, 1, 5, 2, 4)]
    assert choose_levels(records, "x", 1) == ["q3"]
    assert choose_levels(records, "x", 2) == ["q2", "q5"]
    assert choose_levels(records, "x", 9) == ["q1", "q2", "q3", "q4", "q5"]


def test_map_colours_go_from_dark_to_light_and_leave_out_zero():
    pixels = np.asarray(colour(np.array([[0.0, 0.01, 5.0, 10.0]]), 10.0))
    assert pixels[0, :, 3].tolist() == [0, 255, 255, 255]
    assert pixels[0, 1, :3].tolist() == [68, 1, 84]
    assert pixels[0, 3, :3].tolist() == [253, 231, 37]
    light = pixels[0, 1:, :3].astype(int).sum(1)
    assert light[0] < light[1] < light[2]


def test_large_grids_are_averaged_over_the_tokens_coded():
    bits = np.zeros((10, 200), np.float32)
    bits[:, ::7] = 6.0
    small = shrink(bits)
    assert small.shape == (4, 67)
    assert set(np.unique(small)) == {0.0, 6.0}


def words(page):
    return re.sub(r"<[^>]+>", "", page.read_text("utf-8").partition('<script type="app')[0])


def test_parts_without_data_say_why(folder, sample, rewrite):
    def strip(document):
        document["published"], document["bd"] = [], []
        for row in document["images"]:
            row["lpips"] = None
        for row in (s for codec in document["codecs"] for s in codec["settings"]):
            row["means"]["lpips"] = None

    rewrite(strip)
    shutil.rmtree(folder / "bits")
    shutil.rmtree(folder / "decoded")
    text = words(write_report(folder, sample.pictures))
    for line in (
        "No LPIPS: no setting has a value.",
        "No FID and KID: not computed",
        "No published curves",
        "No BD table",
        "No crops: the originals or the decoded pictures are not there.",
        "No maps: the evaluation kept no bits of single tokens.",
    ):
        assert line in text
    assert "No LPIPS" not in words(sample.report)


def test_an_evaluation_without_pictures_still_makes_a_report(folder, tmp_path):
    page = write_report(folder, tmp_path / "gone")
    assert "No crops" in words(page)
    assert '"thumbnail":null' in page.read_text("utf-8")


def test_infinite_values_become_none(folder, sample):
    path = folder / "evaluation.json"
    document = json.loads(path.read_text())
    document["images"][0]["psnr"] = math.inf
    path.write_text(json.dumps(document))
    assert "Infinity" in path.read_text()
    assert load_document(folder)["images"][0]["psnr"] is None
    write_report(folder, sample.pictures)


def test_numbers_of_the_bd_table(sample):
    text = words(sample.report)
    assert "−31.2\u202f%" in text
    assert "+1.43\u202fdB" in text
    assert "23.10 to 26.20\u202fdB" in text
    assert "no common range of PSNR" in text
