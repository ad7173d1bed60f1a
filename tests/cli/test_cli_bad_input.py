"""Files that are not what they should be: one line on stderr each, and nothing written."""

import json

import pytest

from pqmim_jax.codec import Codec
from pqmim_jax.coding.released import ReleasedModel
from pqmim_jax.images import read_image


@pytest.fixture
def file(png, codec):
    path = png.with_name("file.pqm")
    path.write_bytes(codec.compress(read_image(png)))
    return path


def assert_refused(done, folder, *, failures=1):
    assert done.code == 1
    assert done.out == ""
    assert len(done.error_lines) == failures
    assert all(line.startswith("pqmim: error: ") for line in done.error_lines)
    assert not folder.exists()


def damaged(data):
    """Damaged versions of a file by name."""
    cases = {f"cut_{length}": data[:length] for length in (0, 1, 3, 5, 8, len(data) // 2)}
    cases["cut_last"] = data[:-1]
    cases["longer"] = data + b"\0"
    step = max(1, len(data) // 12)
    for position in [*range(12), *range(12, len(data), step), len(data) - 1]:
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        cases[f"flip_{position}"] = bytes(flipped)
    return cases


def test_damage_anywhere_is_an_error(pqmim, file, tmp_path, codec_loaded_once):
    cases = damaged(file.read_bytes())
    for name, data in cases.items():
        (tmp_path / f"{name}.pqm").write_bytes(data)
    paths = [tmp_path / f"{name}.pqm" for name in cases]
    done = pqmim("decompress", *paths, "-o", tmp_path / "pictures")
    assert_refused(done, tmp_path / "pictures", failures=len(cases))
    for path, line in zip(paths, done.error_lines, strict=True):
        assert str(path) in line


@pytest.mark.parametrize("content", [b"", b"some text\n" * 20, b"\x89PNG\r\n\x1a\n" + bytes(50)])
@pytest.mark.parametrize("command", ["decompress", "info"])
def test_what_is_no_pqm_file(pqmim, tmp_path, tiny_model, content, command):
    bad = tmp_path / "bad.pqm"
    bad.write_bytes(content)
    done = pqmim(command, bad, "--model", tiny_model)
    assert_refused(done, tmp_path / "bad.png")
    assert str(bad) in done.err


@pytest.mark.parametrize("command", [["decompress"], ["info", "--stages"]])
def test_wrong_model(pqmim, file, other_model, command):
    done = pqmim(*command, file, "--model", other_model)
    assert_refused(done, file.with_suffix(".png"))
    assert "another model" in done.err


@pytest.mark.parametrize("options", [[], ["--model"]], ids=["packaged", "wrong"])
def test_info_without_the_model_says_so(pqmim, file, codec, other_model, options):
    options = [*options, other_model] if options else []
    text = pqmim("info", file, *options).out
    assert "70 x 50 pixels" in text and "quality    4\n" in text
    fingerprint, decoder = codec.model.fingerprint, codec.model.decoder
    named = f"(fingerprint {fingerprint:08x}, decoder {decoder:04x})"
    assert f"model      not one of those here {named}\n" in text
    facts = json.loads(pqmim("info", file, "--json", *options).out)
    unknown = ("model", "qualities", "schedule", "stages_sent", "decoder_matches")
    assert [facts[name] for name in unknown] == [None] * len(unknown)


@pytest.mark.parametrize(
    ("last_version", "line"),
    [
        ("0.7.0", "tiny of pqmim_jax 0.7.0, not one of those here (fingerprint "),
        (None, "tiny, not the one given (fingerprint "),
    ],
)
def test_info_names_a_released_model_that_is_not_here(
    pqmim, file, codec, other_model, monkeypatch, last_version, line
):
    row = ReleasedModel("tiny", 3, codec.model.fingerprint, codec.model.decoder, last_version)
    monkeypatch.setattr("pqmim_jax.coding.released.RELEASED", [row])
    assert f"model      {line}" in pqmim("info", file, "--model", other_model).out


def test_another_decoder_decodes_with_a_warning(pqmim, file, codec, other_decoder_model):
    other = Codec.load(other_decoder_model)
    done = pqmim("decompress", file, "--model", other_decoder_model)
    assert done.code == 0
    (line,) = done.error_lines
    assert line == (
        f"pqmim: warning: {file}: decoded by another decoder than the file names: "
        f"{codec.model.decoder:04x} made the file, model 'other_decoder' has "
        f"{other.model.decoder:04x}"
    )
    found = read_image(file.with_suffix(".png"))
    assert (found == other.decompress(file.read_bytes())).all()
    facts = json.loads(pqmim("info", file, "--model", other_decoder_model, "--json").out)
    assert facts["decoder"] == f"{codec.model.decoder:04x}"
    assert facts["decoder_matches"] is False
    film = file.with_name("film.png")
    done = pqmim("preview", file, "-o", film, "--model", other_decoder_model)
    assert (done.code, done.error_lines) == (0, [line])
    text = pqmim("info", file, "--model", other_decoder_model).out
    assert "\ndecoder    another one than that of other_decoder\n" in text


def test_a_file_of_version_2(pqmim, file, tmp_path, codec_loaded_once):
    data = bytearray(file.read_bytes())
    data[3] = data[3] & 0x1F | 2 << 5
    file.write_bytes(data)
    done = pqmim("decompress", file)
    assert_refused(done, file.with_suffix(".png"))
    assert "written by pqmim_jax 0.1.0" in done.err


def test_unknown_model_lists_the_packaged_ones(pqmim, png):
    done = pqmim("compress", png, "--model", "no-such-model")
    assert_refused(done, png.with_suffix(".pqm"))
    assert "no-such-model" in done.err and "packaged models" in done.err


def test_damaged_model(pqmim, png, tmp_path):
    (tmp_path / "model.json").write_text("{")
    done = pqmim("compress", png, "--model", tmp_path)
    assert_refused(done, png.with_suffix(".pqm"))


@pytest.mark.parametrize("content", [b"", b"this is text", b"\xff\xd8\xff\xe0 no jpeg"])
def test_image_that_is_no_image(pqmim, tmp_path, codec_loaded_once, content):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content)
    done = pqmim("compress", bad)
    assert_refused(done, tmp_path / "bad.pqm")
    assert str(bad) in done.err


def test_info_accounts_for_every_byte(pqmim, file, tiny_model, codec, codec_loaded_once):
    facts = json.loads(pqmim("info", file, "--model", tiny_model, "--stages", "--json").out)
    size = len(file.read_bytes())
    assert (facts["width"], facts["height"], facts["quality"]) == (70, 50, 4)
    assert facts["schedule"] == "qlds(stages=3,alpha=2.2)"
    assert facts["fingerprint"] == f"{codec.model.fingerprint:08x}"
    assert facts["decoder"] == f"{codec.model.decoder:04x}"
    assert facts["decoder_matches"] is True
    assert facts["bytes"] == size
    assert facts["bpp"] == 8 * size / (70 * 50)
    assert len(facts["stage_bits"]) == 3
    stages = sum(facts["stage_bits"]) / 8
    assert facts["header_bytes"] + facts["coder_overhead_bytes"] + stages == pytest.approx(size)
    assert 0 < facts["header_bytes"] + facts["coder_overhead_bytes"] <= 20


def test_info_text(pqmim, file, tiny_model, codec_loaded_once):
    text = pqmim("info", file, "--model", tiny_model).out
    assert "70 x 50 pixels" in text
    assert "4 of 4" in text
    assert f"{len(file.read_bytes())} bytes" in text
    assert "\nstage " not in text and "\noverhead " not in text
    decoded = pqmim("info", file, "--model", tiny_model, "--stages").out
    assert decoded.startswith(text.rstrip())
    assert decoded.count("\nstage ") == 3 and decoded.count("\noverhead ") == 1
