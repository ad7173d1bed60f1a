"""What the tool measures is what is there, and it runs as a person runs it."""

import importlib

import numpy as np
import pytest

from pqmim_jax.images import encode_image, read_image


@pytest.fixture(scope="module")
def tool():
    return importlib.import_module("measure_artefacts")


def wave(length, period, amplitude):
    return amplitude * np.cos(2 * np.pi * (np.arange(length) + 3) / period)


def test_the_lattice_is_the_amplitude_of_what_repeats(tool):
    error = np.random.default_rng(0).normal(0, 0.1, (512, 520, 3)) + 5
    error[..., 2] += wave(520, 16, 0.7)
    error[..., 0] += wave(512, 4, 0.3)[:, None]
    found = [[tool.lattice(error, axis, period) for period in (16, 8, 4)] for axis in (0, 1)]
    np.testing.assert_allclose(found, [[0.7, 0, 0], [0, 0, 0.3]], atol=0.005)


def test_colours_that_are_a_little_off_make_no_lattice(tool):
    originals = tool.gradients(512, 768)
    for name, image in originals.items():
        decoded = np.rint(image + np.array([0.4, -1, 7])).astype(np.uint8)
        error = tool.error_of(image, decoded)
        for axis in (0, 1):
            assert tool.lattice(error, axis, 8) < 1e-9, name


def test_rounding_of_gradients_makes_no_lattice(tool, monkeypatch):
    originals = tool.gradients(512, 768)
    shifted = {k: (np.add(a, 0.3), np.add(b, 0.3)) for k, (a, b) in tool.GRADIENTS.items()}
    monkeypatch.setattr(tool, "GRADIENTS", shifted)
    for name, decoded in tool.gradients(512, 768).items():
        error = tool.error_of(originals[name], decoded)
        assert np.abs(error).max() == 1
        for axis in (0, 1):
            for period in tool.PERIODS:
                assert tool.lattice(error, axis, period) < tool.LATTICE / 4, name


def test_the_smoothest_window_is_found(tool):
    picture = np.random.default_rng(0).integers(0, 256, (600, 450, 3), np.uint8)
    picture[208 : 208 + 256, 160 : 160 + 256] = np.linspace(90, 140, 256)[:, None, None]
    assert tool.smoothest_window(picture) == (slice(208, 464), slice(160, 416))


def tables(text):
    """Lists of rows, which are lists of cells; without heads."""
    found = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if lines and lines[0].startswith("|"):
            found.append([[c.strip() for c in line.strip("|").split("|")] for line in lines[2:]])
    return found


def test_three_tables_and_pictures_side_by_side(tool, tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "COLOURS", ((255, 0, 0), (7, 7, 7)))
    monkeypatch.setattr(tool, "GRADIENTS", {"grey": tool.GRADIENTS["grey"]})
    sky = np.full((272, 300, 3), np.arange(300)[:, None] // 2, np.uint8)
    photo = tmp_path / "sky.png"
    photo.write_bytes(encode_image(sky, ".png"))
    out = tmp_path / "new" / "folder"
    tool.main([str(tiny_model), "--quality", "2", "--sky", str(photo), "--out", str(out)])
    flat, smooth, text = tables(capsys.readouterr().out)

    assert [row[:2] for row in flat] == [["2", "#ff0000"], ["2", "#070707"]]
    assert [row[-2:] for row in flat] == [["4, 200 bytes", "no"], ["1, 200 bytes", "no"]]
    both = read_image(out / "flat-ff0000-768-quality-2.png").astype(int)
    assert both.shape == (512, 1536, 3)
    assert (both[:, :768] == (255, 0, 0)).all()
    assert str(np.abs(both[:, 768:] - (255, 0, 0)).max()) == flat[0][4]

    assert [row[1] for row in smooth] == [*tool.gradients(16, 16), str(photo)]
    assert all(float(cell) >= 0 for row in smooth for cell in row[2:8])
    assert all(row[8:] == ["-", "-"] for row in smooth)  # the goal is one for quality 20
    assert [row[1] for row in text] == list(tool.pages(512, 768))
    assert all(float(row[2]) > 0 and row[3].endswith(" dB") for row in text)
    assert len(list(out.iterdir())) == 4 + len(smooth) + len(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quality", "5"], "--quality must be numbers from 1 to 4, got '5'"),
        (["--quality", "1,,2"], "--quality must be numbers"),
        (["--sky", "SMALL"], "255 x 300 pixels, need 256 x 256"),
        (["--sky", "no/such.png"], "no/such.png"),
    ],
)
def test_what_cannot_be_measured_is_one_error(tool, tiny_model, tmp_path, capsys, options, message):
    small = tmp_path / "small.png"
    small.write_bytes(encode_image(np.zeros((300, 255, 3), np.uint8), ".png"))
    options = [str(small) if word == "SMALL" else word for word in options]
    with pytest.raises(SystemExit):
        tool.main([str(tiny_model), *options])
    assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path / "no model")])
    assert "no model" in capsys.readouterr().err


def test_qualities_by_default(tool):
    assert [tool.chosen_qualities(None, best) for best in (4, 20, 24)] == [[4], [20], [20, 24]]
