"""`pqmim schedules`: what is drawn, and where."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.cli import main
from pqmim_jax.masking import stage_map
from pqmim_jax.masking.panels import panels_of
from pqmim_jax.masking.terminal import panel_lines


def drawn(capsys, *arguments):
    assert main(["schedules", *arguments]) == 0
    return capsys.readouterr().out


def test_text_holds_the_stage_of_every_position(capsys):
    out = drawn(capsys, "qlds(stages=5)", "--size", "6x9")
    title, *rows, legend = out.strip().splitlines()
    assert title == "qlds(stages=5,alpha=2.2)"
    numbers = np.array([[int(n) for n in row.split()] for row in rows])
    np.testing.assert_array_equal(numbers, stage_map("qlds(stages=5)", (6, 9, 1))[..., 0])
    assert legend.startswith("5 stages; known after each stage: ")
    assert legend.endswith(" 216")  # 6 x 9 positions of 4 sub-quantizers
    assert "\x1b" not in out, "not a terminal: no colours"


def test_every_kind_is_drawn_by_default(capsys):
    out = drawn(capsys)
    for name in ("one_shot", "checkerboard", "raster", "quincunx", "qlds", "random"):
        assert re.search(f"^{name}", out, re.M)


def test_groups_of_sub_quantizers_get_their_own_drawing(capsys):
    out = drawn(capsys, "checkerboard*coarse_first(size=4)", "--codebooks", "12", "--size", "2x2")
    titles = re.findall(r"sub-quantizer (.*)", out)
    assert titles == ["1 to 4", "5 to 8", "9 to 12"]
    assert len(panels_of("checkerboard", (2, 2, 12))) == 1


def test_colours_go_around_the_same_numbers():
    (panel,) = panels_of("quincunx", (8, 8, 1))
    plain, coloured = (panel_lines(panel, colour=colour) for colour in (False, True))
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain
    assert len(set(re.findall(r"48;2;[0-9;]*m", "".join(coloured)))) == 7


def test_a_terminal_gets_colours_unless_told_not_to(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in drawn(capsys, "raster", "--size", "2x2")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in drawn(capsys, "raster", "--size", "2x2")


def test_the_picture_is_small_and_colourful(tmp_path, capsys):
    path = tmp_path / "schedules.png"
    assert drawn(capsys, "-o", str(path)) == ""
    assert path.stat().st_size < 60_000
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(2**16)) > 100
    assert main(["schedules", "-o", str(path)]) == 1
    assert "exists already" in capsys.readouterr().err
    drawn(capsys, "raster", "--size", "200x3", "-o", str(path), "--force")
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        assert picture.height > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["qldz"], "unknown schedule 'qldz'"),
        (["--size", "16"], "--size must be HxW with sides from 1 to 256, got '16'"),
        (["--size", "0x4"], "--size must be HxW"),
        (["--codebooks", "0"], "--codebooks must be from 1 to 64, got 0"),
        (["-o", "schedule.jpg"], "--output must end in .png"),
    ],
)
def test_wrong_requests_are_one_line(capsys, arguments, message):
    assert main(["schedules", *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
