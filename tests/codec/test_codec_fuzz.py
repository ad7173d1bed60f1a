"""Damaged files through the decoder; the long run is tools/fuzz_codec.py."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pqmim_jax import coding
from pqmim_jax.coding import CorruptFileError

TOOLS = Path(__file__).parents[2] / "tools"
FILES = [bytes(range(30)), bytes(range(100, 180)), b"PQM " + bytes(50)]
RIGHT = SimpleNamespace(
    pixels=np.full((5, 4, 3), 9, np.uint8), icc_profile=None, exif=b"e", damage=None
)


def decoded(**changes):
    return SimpleNamespace(**{**vars(RIGHT), **changes})


@pytest.fixture
def load(monkeypatch):
    """Function from the name of a module of the tool to the module."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return lambda name: importlib.import_module(f"codec_fuzz.{name}")


def test_300_damaged_files_give_an_error_of_one_line_or_the_right_picture(tiny_model, tmp_path):
    saved = tmp_path / "violations"
    options = ["--model", tiny_model, "--count", "300", "--workers", "1", "--save", saved]
    command = [sys.executable, TOOLS / "fuzz_codec.py", *options]
    run = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not saved.exists()
    rows = [line.strip("| ").split(" | ") for line in run.stdout.splitlines() if line[:1] == "|"]
    assert "right picture" in rows[0]
    assert "CorruptFileError" in rows[0]
    assert sum(int(count) for row in rows[2:] for count in row[2:]) == 2 * 300


def test_mutations_damage_files_and_depend_on_seed_and_number_alone(load):
    mutations = load("mutations")
    drawn = [mutations.draw(1, number, FILES) for number in range(400)]
    assert drawn == [mutations.draw(1, number, FILES) for number in range(400)]
    assert drawn[:50] != [mutations.draw(2, number, FILES) for number in range(50)]
    assert {kind for kind, _, _ in drawn} == set(mutations.MUTATIONS)
    changed = [data != FILES[sources[0]] for _, sources, data in drawn]
    assert sum(changed) > 0.9 * len(drawn)
    for kind, sources, data in drawn:
        if kind == "truncated":
            assert FILES[sources[0]].startswith(data)
            assert data != FILES[sources[0]]


class Decoder:
    """Does what it is told with any file."""

    limits = SimpleNamespace(window=1)
    pixels_per_token = 1

    def __init__(self, act):
        self._act = act

    def decode(self, data, *, allow_truncated, max_pixels):
        return self._act()

    def decompress(self, data, *, max_pixels):
        return self._act().pixels


def raises(error):
    def act():
        raise error

    return act


def endless():
    while True:
        pass


@pytest.mark.parametrize("mode", ["strict_outcome", "tolerant_outcome"])
@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (lambda: RIGHT, "right picture"),
        (raises(CorruptFileError("one line")), "CorruptFileError"),
    ],
)
def test_what_a_decoder_may_do(load, monkeypatch, mode, act, outcome):
    verdict = load("verdict")
    monkeypatch.setattr(verdict, "peak_bytes", int)  # the process has run other tests before
    assert getattr(verdict, mode)(Decoder(act), FILES[2], [RIGHT], 100) == outcome


@pytest.mark.parametrize("mode", ["strict_outcome", "tolerant_outcome"])
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (raises(IndexError("out of range")), "IndexError: out of range"),
        (raises(MemoryError()), "MemoryError"),
        (raises(CorruptFileError("two\nlines")), "not one line"),
        (raises(CorruptFileError("")), "not one line"),
        (lambda: decoded(pixels=RIGHT.pixels + 1), "a wrong picture"),
        (lambda: decoded(pixels=RIGHT.pixels[..., 0]), "a wrong picture"),
        (endless, "still decoding after 0.2 s"),
    ],
)
def test_what_a_decoder_must_not_do(load, monkeypatch, mode, act, reason):
    verdict = load("verdict")
    monkeypatch.setattr(verdict, "LIMIT_S", 0.2)
    monkeypatch.setattr(verdict, "peak_bytes", int)
    with pytest.raises(verdict.Violation, match=reason):
        getattr(verdict, mode)(Decoder(act), FILES[2], [RIGHT], 100)


def test_claims_that_would_take_long_to_fill_in_are_not_tried(load, codec, monkeypatch):
    verdict = load("verdict")
    monkeypatch.setattr(verdict, "peak_bytes", lambda: 0)  # this process has run other tests
    header = coding.Header(1, 30_000, 1, codec.model.fingerprint, 0)
    data = coding.pack(header, coding.RansEncoder().finish(0))
    assert verdict.tolerant_outcome(codec, data, [], 10**6) == verdict.NOT_TRIED
    assert verdict.strict_outcome(codec, data, [], 10**6) == "TruncatedFileError"


def test_a_wrong_picture_must_be_said_to_be_damaged_and_have_the_headers_size(load, codec):
    verdict = load("verdict")
    data = codec.compress(RIGHT.pixels)

    def judge(**changes):
        return verdict.tolerant_outcome(
            Decoder(lambda: decoded(**changes)), data, [RIGHT], max_pixels=100
        )

    assert judge(pixels=RIGHT.pixels + 1, damage="stage 2 is missing") == verdict.DAMAGED
    for changes, reason in (
        ({"exif": None}, "said to be undamaged"),
        ({"damage": "two\nlines"}, "not one line"),
        ({"damage": "cut", "pixels": RIGHT.pixels[1:]}, "pixels of 5 x 4"),
    ):
        with pytest.raises(verdict.Violation, match=reason):
            judge(**changes)


def test_memory_beyond_the_limit_is_a_violation(load, monkeypatch):
    verdict = load("verdict")
    peaks = iter([2**20, 2**31, 2**31])
    monkeypatch.setattr(verdict, "peak_bytes", lambda: next(peaks))
    with pytest.raises(verdict.Violation, match=r"peak memory rose to 2\.00 GiB"):
        verdict.strict_outcome(Decoder(lambda: RIGHT), b"", [RIGHT], 100)
