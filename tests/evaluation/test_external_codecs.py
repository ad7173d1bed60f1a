"""Codecs that are other programs: played by scripts, and cjxl itself where it is installed."""

import sys

import numpy as np
import pytest

from pqmim_jax.evaluation.codecs import programs, yuv
from pqmim_jax.evaluation.codecs.choice import named_codecs
from pqmim_jax.evaluation.codecs.external import EXTERNAL_CODECS
from pqmim_jax.evaluation.codecs.interface import CodecError
from pqmim_jax.evaluation.metrics import psnr

# Writes its input behind a line with its arguments; the decoders take that line off again.
ENCODER = """
import sys, pathlib
words = sys.argv[1:]
if "--version" in words or not words:
    print("\\nfake 1.2.3"); raise SystemExit(0)
source = next(w for w in words if w.endswith((".png", ".yuv")))
target = next(w for w in words if w.endswith(SUFFIXES))
shown = [w for w in words if w not in (source, target)]
data = pathlib.Path(source).read_bytes()
pathlib.Path(target).write_bytes(" ".join(shown).encode() + b"\\n" + data)
"""
DECODER = """
import sys, pathlib
words = sys.argv[1:]
source = next(w for w in words if w.endswith(SUFFIXES))
target = next(w for w in words if w.endswith((".png", ".y4m")))
line, _, data = pathlib.Path(source).read_bytes().partition(b"\\n")
if target.endswith(".y4m"):
    size = line.split(b"-s ")[1].split()[0].split(b"x")
    data = b"YUV4MPEG2 W%s H%s F1:1 C420p10\\nFRAME\\n" % tuple(size) + data
pathlib.Path(target).write_bytes(data)
"""
SUFFIXES = 'SUFFIXES = (".bpg", ".266", ".jxl")\n'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a Python script on PATH, and nothing else there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def script(name, text):
        path = folder / name
        path.write_text(f"#!{sys.executable}\n{SUFFIXES}{text}")
        path.chmod(0o755)

    return script


@pytest.fixture(params=EXTERNAL_CODECS)
def codec(request, install):
    found = EXTERNAL_CODECS[request.param]
    install(found.programs[0], ENCODER)
    install(found.programs[1], DECODER)
    return found


@pytest.mark.parametrize("shape", [(24, 32, 3), (7, 9, 3)])
def test_pictures_go_through_the_programs(codec, shape):
    image = np.full(shape, (200, 90, 40), np.uint8)
    setting = codec.settings[3]
    decoded = codec.decode(codec.encode(image, setting).data)
    assert decoded.shape == shape
    assert np.abs(decoded.astype(int) - image).max() <= 1
    assert codec.version == "fake 1.2.3"


def test_the_setting_is_in_the_command_line(codec, photo):
    first, second = (codec.encode(photo, setting).data for setting in codec.settings[:2])
    value = next(iter(codec.settings[1].parameters.values()))
    start = slice(1 if codec.name == "vvc" else 0, None)
    words = second[start].partition(b"\n")[0].decode().split()
    assert f"{value:g}" in words
    assert first != second


def test_programs_that_are_not_there_are_a_note(install):
    install("bpgenc", ENCODER)
    found, notes = named_codecs(["bpg", "jxl"])
    assert found == []
    assert notes == [
        "bpg left out: bpgdec not found on PATH",
        "jxl left out: cjxl and djxl not found on PATH",
    ]


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown codec 'gif'; there are: jpeg, .*all"):
        named_codecs(["jpeg", "gif"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit('no memory')", "cjxl failed with code 1: no memory"),
        ("", "cjxl wrote no file"),
        ("import time; time.sleep(60)", "cjxl took over 0.5 s"),
    ],
)
def test_programs_that_fail_are_the_codecs_error(install, photo, monkeypatch, text, message):
    install("cjxl", text)
    monkeypatch.setattr(programs, "TIME_LIMIT_S", 0.5)
    jxl = EXTERNAL_CODECS["jxl"]
    with pytest.raises(CodecError, match=message):
        jxl.encode(photo, jxl.settings[0])


@pytest.mark.parametrize("name", EXTERNAL_CODECS)
def test_a_decoder_that_writes_rubbish_is_the_codecs_error(name, install, photo):
    codec = EXTERNAL_CODECS[name]
    install(codec.programs[0], ENCODER)
    install(codec.programs[1], DECODER.replace("data = b", "data = b'YUV' + b") + (
        "pathlib.Path(target).write_bytes(b'rubbish')"
    ))  # fmt: skip
    data = codec.encode(photo, codec.settings[0]).data
    with pytest.raises(CodecError, match=f"{codec.programs[1]} wrote no usable"):
        codec.decode(data)


def test_a_version_that_cannot_be_had_is_unknown(install):
    install("mute", "")
    assert programs.version_of("mute", None) == "unknown"
    assert programs.version_of("absent", "--version") == "unknown"


@pytest.mark.skipif(
    EXTERNAL_CODECS["jxl"].missing is not None, reason="cjxl and djxl are not installed"
)
def test_jpeg_xl_for_real(photo):
    jxl = EXTERNAL_CODECS["jxl"]
    small, large = (jxl.encode(photo, jxl.settings[i]).data for i in (3, -1))
    assert len(small) < len(large) < photo.size
    assert 20 < psnr(photo, jxl.decode(small)) < psnr(photo, jxl.decode(large))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (12, 200, 99)])
def test_flat_colours_survive_as_video_frames(colour):
    image = np.full((4, 6, 3), colour, np.uint8)
    film = b"YUV4MPEG2 W6 H4 C420p10\nFRAME\n" + yuv.to_frame(image)
    np.testing.assert_allclose(yuv.from_y4m(film), image, atol=1)


def test_grey_frames_have_the_values_of_the_standard():
    frame = np.frombuffer(yuv.to_frame(np.full((2, 2, 3), 255, np.uint8)), "<u2")
    assert frame.tolist() == [940] * 4 + [512] * 2  # BT.709, 10 bits: white, and no colour


@pytest.mark.parametrize(
    ("film", "message"),
    [
        (b"RIFF", "not a YUV4MPEG2"),
        (b"YUV4MPEG2 W2 H2 C444\nFRAME\n", "not 4:2:0"),
        (b"YUV4MPEG2 W2 C420\nFRAME\n", "size is missing"),
        (b"YUV4MPEG2 W2 H2 C420\nFRAME\n\x00", "cut short"),
    ],
)
def test_films_that_cannot_be_read(film, message):
    with pytest.raises(ValueError, match=message):
        yuv.from_y4m(film)
