"""A measured run: every number made again by other means, and nothing measured twice."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.coding import frequencies_from_counts
from pqmim_jax.evaluation.codecs.choice import load_models
from pqmim_jax.evaluation.codecs.interface import CodecError
from pqmim_jax.evaluation.codecs.pillow import PILLOW_CODECS, with_values
from pqmim_jax.evaluation.document import build_document
from pqmim_jax.evaluation.folder import EvaluationFolder
from pqmim_jax.evaluation.pictures import EvaluationError, find_images, load_pictures
from pqmim_jax.evaluation.run import Run
from pqmim_jax.evaluation.schema import to_json

JPEG = with_values("jpeg", [10, 50, 90])


def difference(image, other):
    """Stands for LPIPS: it only has to be called with the right pictures."""
    return float(np.abs(image.astype(int) - other).mean())


@pytest.fixture(scope="module")
def ours(tiny_model):
    [codec] = load_models([tiny_model], [2, 4])
    return codec


@pytest.fixture(scope="module")
def pictures(pictures_folder):
    return load_pictures(find_images(pictures_folder))


@pytest.fixture
def evaluate(tmp_path, pictures):
    """Measures codecs in the folder "out"; returns the document."""

    def run(codecs, *, keep_pictures=True, reference="jpeg", **options):
        folder = EvaluationFolder(tmp_path / "out", keep_pictures=keep_pictures)
        measured = Run(folder, pictures, **{"metrics": {"lpips": difference}, **options})
        groups = measured.measure(codecs)
        document = build_document(measured, codecs, groups, reference=reference, command="test")
        assert json.loads(to_json(document)) == document
        return document

    return run


def without_times(document):
    document = copy.deepcopy(document)
    del document["created"]
    settings = [s["means"] for codec in document["codecs"] for s in codec["settings"]]
    for numbers in (*document["images"], *settings):
        del numbers["encode_seconds"], numbers["decode_seconds"]
    return document


def test_every_number_of_our_records(evaluate, ours, codec, pictures, tmp_path):
    document = evaluate([ours])
    rows = document["images"]
    assert [(row["file"], row["setting"]) for row in rows] == [
        ("a.png", "q2"), ("b.png", "q2"), ("a.png", "q4"), ("b.png", "q4"),
    ]  # fmt: skip
    for row in rows:
        check_row(row, pictures, codec, tmp_path / "out")


def check_row(row, pictures, codec, out):
    [picture] = [p for p in pictures if p.name == row["file"]]
    image = np.asarray(Image.open(picture.path))
    quality = int(row["setting"][1:])
    data = codec.compress(image, quality=quality)
    assert (row["height"], row["width"]) == image.shape[:2]
    assert row["bytes"] == len(data)
    assert row["bpp"] == pytest.approx(8 * len(data) / image[..., 0].size)
    decoded = codec.decompress(data)
    place = f"{codec.model.name}/{row['setting']}/{picture.stem}"
    np.testing.assert_array_equal(Image.open(out / f"decoded/{place}.png"), decoded)
    assert row["lpips"] == difference(image, decoded)
    error = decoded.astype(np.float64) - image
    assert row["psnr"] == pytest.approx(20 * np.log10(255 / np.sqrt(np.mean(error**2))))
    assert 0 < row["encode_seconds"] < 60
    assert 0 < row["decode_seconds"] < 60
    # Header, checksum and coder cost 20 bytes at most beyond the entropy model's own estimate.
    assert 0 < 8 * row["bytes"] - row["ideal_bits"] <= 20 * 8
    assert sum(row["stage_bits"]) == pytest.approx(row["ideal_bits"])
    with np.load(out / f"bits/{place}.npz") as stored:
        bits, indices = stored["bits"], stored["indices"]
    h, w = -(-image.shape[0] // 16), -(-image.shape[1] // 16)
    assert bits.dtype == np.float32 and bits.shape == (3, h, w)
    np.testing.assert_allclose(bits.sum((1, 2)), row["stage_bits"], rtol=1e-5)
    np.testing.assert_array_equal(indices, codec.nearest_indices(image)[..., :quality])
    shares = frequencies_from_counts(codec.model.counts) / 65536
    static = sum(-np.log2(shares[m][indices[..., m]]).sum() for m in range(quality))
    assert row["static_bits"] == pytest.approx(static)


def test_means_are_over_pictures(evaluate, ours):
    document = evaluate([ours])
    [result] = document["codecs"]
    assert [s["setting"] for s in result["settings"]] == ["q2", "q4"]
    for setting in result["settings"]:
        a, b = (r for r in document["images"] if r["setting"] == setting["setting"])
        assert setting["images"] == 2
        for name, mean in setting["means"].items():
            expected = None if a[name] is None else pytest.approx((a[name] + b[name]) / 2)
            assert mean == expected
        assert sum(setting["stage_bits"]) == pytest.approx(setting["means"]["ideal_bits"])
        quality = setting["parameters"]["quality"]
        assert len(setting["codebook_perplexity"]) == quality
        assert all(1 <= perplexity <= 16 for perplexity in setting["codebook_perplexity"])


def test_lambdas_are_settings_of_their_own(tiny_model, evaluate):
    document = evaluate(load_models([tiny_model], [4], [0.0, 1e6]))
    [result] = document["codecs"]
    assert [s["setting"] for s in result["settings"]] == ["q4-l0", "q4-l1e+06"]
    free, dear = (s["means"]["ideal_bits"] for s in result["settings"])
    assert dear < free


def test_others_are_compared_with_the_reference(evaluate, ours):
    document = evaluate([ours, JPEG, with_values("webp", [0, 50, 90])])
    assert {(row["other"], row["metric"]) for row in document["bd"]} == {
        (name, metric) for name in (ours.name, "webp") for metric in ("psnr", "lpips")
    }
    [webp] = [r for r in document["bd"] if (r["other"], r["metric"]) == ("webp", "psnr")]
    assert (webp["bd_rate"] is None) == (webp["note"] is not None)
    assert all(row["reference"] == "jpeg" for row in document["bd"])


def test_a_reference_that_was_not_measured_is_a_note(evaluate):
    document = evaluate([JPEG, with_values("webp", [50])], reference="bpg")
    assert document["bd"] == []
    assert document["notes"] == ["no BD-rates: the reference 'bpg' was not measured"]


class Counting:
    """A codec that counts, and can be made to stop."""

    def __init__(self, codec, stop_after=None):
        self._codec, self.count, self.stop_after = codec, 0, stop_after

    def __getattr__(self, name):
        return getattr(self._codec, name)

    def encode(self, image, setting):
        if self.count == self.stop_after:
            raise KeyboardInterrupt
        self.count += 1
        return self._codec.encode(image, setting)


@pytest.mark.parametrize("torn", [False, True], ids=["whole lines", "torn line"])
def test_an_interrupted_run_goes_on_where_it_was(evaluate, ours, tmp_path, torn):
    whole = evaluate([ours, JPEG])
    records = tmp_path / "out" / "records.jsonl"
    (tmp_path / "out").rename(tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        evaluate([ours, Counting(JPEG, stop_after=4)])
    assert len(records.read_text().splitlines()) == 8
    if torn:
        records.write_bytes(records.read_bytes()[:-30])
    rest, none = Counting(JPEG), Counting(ours, stop_after=0)
    resumed = evaluate([none, rest])
    assert rest.count == (3 if torn else 2)
    if torn:
        [note] = resumed["notes"]
        assert "cut short" in note
        resumed["notes"] = []
    assert without_times(resumed) == without_times(whole)
    assert len(records.read_text().splitlines()) == 10


def test_nothing_is_measured_twice_until_it_is_asked_for(evaluate):
    evaluate([JPEG])
    stopped = Counting(JPEG, stop_after=0)
    again = evaluate([stopped])
    assert again["images"]
    anew = Counting(JPEG)
    evaluate([anew], force=True)
    assert anew.count == 6


@pytest.mark.parametrize("what", ["pixels", "fingerprint", "parameters", "decoded picture"])
def test_what_changed_is_measured_again(what, evaluate, tmp_path, pictures, monkeypatch):
    evaluate([JPEG])
    counting = Counting(JPEG)
    if what == "pixels":
        monkeypatch.setitem(vars(pictures[0]), "digest", "0" * 16)
    if what == "fingerprint":
        counting.fingerprint = "0" * 16
    if what == "parameters":
        [first, *rest] = JPEG.settings
        counting.settings = [replace(first, parameters={"quality": 11}), *rest]
    if what == "decoded picture":
        (tmp_path / "out/decoded/jpeg/q50/a.png").unlink()
    evaluate([counting])
    assert counting.count == {"pixels": 3, "fingerprint": 6, "parameters": 2}.get(what, 1)


def test_a_metric_that_comes_later_is_added_without_coding(evaluate):
    before = evaluate([JPEG], metrics={})
    assert all(row["lpips"] is None for row in before["images"])
    after = evaluate([Counting(JPEG, stop_after=0)])
    assert without_times(after) == without_times(evaluate([JPEG], force=True))


def test_damaged_lines_are_measured_again_and_said(evaluate, tmp_path):
    before = evaluate([JPEG])
    records = tmp_path / "out" / "records.jsonl"
    _, second, *rest = records.read_text().splitlines()
    changed = json.dumps({**json.loads(second), "bytes": "many"})
    records.write_text("\n".join(["{rubbish", changed, *rest]) + "\n")
    counting = Counting(JPEG)
    after = evaluate([counting])
    assert counting.count == 2
    assert len(after["notes"]) == 2
    assert "line 1 is unusable (not JSON)" in after["notes"][0]
    assert "line 2 is unusable (record.bytes: expected int, got 'many')" in after["notes"][1]
    after["notes"] = []
    assert without_times(after) == without_times(before)


def test_processes_give_what_one_gives(evaluate, tmp_path):
    codecs = [JPEG, with_values("webp", [0, 50])]
    alone = evaluate(codecs)
    (tmp_path / "out").rename(tmp_path / "other")
    together = evaluate(codecs, jobs=2)
    [note] = together["notes"]
    assert "2 of them running at once" in note
    together["notes"] = []
    assert without_times(together) == without_times(alone)


class Failing(Counting):
    def encode(self, image, setting):
        if setting.name == "q50":
            self.count += 1
            raise CodecError("no such\nluck")
        return self._codec.encode(image, setting)


def test_a_setting_that_fails_is_left_out_with_a_note(evaluate):
    failing = Failing(JPEG)
    document = evaluate([failing])
    assert failing.count == 1  # the second picture is not even tried
    [result] = document["codecs"]
    assert [s["setting"] for s in result["settings"]] == ["q10", "q90"]
    assert {row["setting"] for row in document["images"]} == {"q10", "q90"}
    assert document["notes"] == ["left out: jpeg q50, a.png: no such luck"]


def test_a_picture_that_decodes_differently_stops_the_run(evaluate, ours, monkeypatch):
    decode = ours.decode
    monkeypatch.setattr(ours, "decode", lambda data: decode(data) ^ 1)
    with pytest.raises(EvaluationError, match=r"q2, a\.png: the decompressed picture"):
        evaluate([ours])


def test_without_a_folder_no_picture_is_kept(evaluate, tmp_path):
    evaluate([JPEG], keep_pictures=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["records.jsonl"]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "precious").touch()
    with pytest.raises(EvaluationError, match="no folder of an evaluation"):
        EvaluationFolder(tmp_path, keep_pictures=True)


def test_pictures_that_would_share_a_name_are_refused(tmp_path):
    for name in ("a.png", "a.bmp"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    with pytest.raises(EvaluationError, match=r"a\.bmp and a\.png would both become a\.png"):
        load_pictures(find_images(tmp_path))


def test_equal_pictures_have_no_psnr_but_a_record(evaluate, pictures):
    class Lossless(Counting):
        def encode(self, image, setting):
            self.image = image
            return super().encode(image, setting)

        def decode(self, data):
            return self.image

    document = evaluate([Lossless(PILLOW_CODECS["jpeg"])])
    assert {row["psnr"] for row in document["images"]} == {None}
