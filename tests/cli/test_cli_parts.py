"""Sizes on request, hybrid and truncated files, films: the command on parts of a file."""

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("codec_loaded_once")

SCHEDULE = "qlds(stages=2)*coarse_first(size=2)"


@pytest.fixture
def file(pqmim, png):
    outcome = pqmim("compress", png, "--schedule", SCHEDULE)
    assert outcome.code == 0, outcome.err
    return png.with_suffix(".pqm")


def pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_target_bytes_and_bpp_are_kept(pqmim, png, tmp_path):
    out = tmp_path / "out.pqm"
    assert pqmim("compress", png, "--target-bytes", 40, "-o", out).code == 0
    assert out.stat().st_size <= 40
    # 70 x 50 pixels at 0.1 bits each are 43.75 bytes.
    assert pqmim("compress", png, "--target-bpp", 0.1, "-o", out, "--force").code == 0
    assert out.stat().st_size <= 43
    assert pqmim("decompress", out, "-o", tmp_path / "back.png").code == 0
    assert pixels(tmp_path / "back.png").shape == (50, 70, 3)


def test_a_hopeless_target_is_one_line(pqmim, png):
    outcome = pqmim("compress", png, "--target-bytes", 5)
    assert outcome.code == 1
    assert len(outcome.error_lines) == 1
    assert "no file of at most 5 bytes is possible" in outcome.err
    assert not png.with_suffix(".pqm").exists()


def test_a_target_beyond_the_largest_file_is_said_and_gives_that_file(pqmim, png, tmp_path):
    out = tmp_path / "out.pqm"
    outcome = pqmim("compress", png, "--target-bytes", 10**6, "-o", out)
    size = out.stat().st_size
    assert (outcome.code, outcome.error_lines) == (
        0,
        [
            f"pqmim: warning: {png}: 1000000 bytes are out of reach: the largest file of this "
            f"model has {size}"
        ],
    )
    assert pqmim("compress", png, "--lambda", 0, "-o", tmp_path / "closest.pqm").code == 0
    assert (tmp_path / "closest.pqm").stat().st_size == size
    assert not pqmim("compress", png, "--target-bytes", size // 2, "-o", out, "--force").error_lines


def test_a_target_below_a_byte_is_one_line(pqmim, png):
    outcome = pqmim("compress", png, "--target-bpp", 1e-9)
    assert outcome.code == 1
    assert outcome.error_lines == [f"pqmim: error: {png}: target must be at least 1 byte, got 0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target-bytes", 100, "--quality", 2], "--target-bytes: not allowed with --quality"),
        (["--target-bpp", 0.1, "--lambda", 2], "--target-bpp: not allowed with --lambda"),
        (["--target-bytes", 9, "--target-bpp", 0.1], "not allowed with argument --target-bytes"),
        (["--target-bytes", 0], "--target-bytes: must be more than 0"),
        (["--target-bpp", "-1"], "--target-bpp: must be more than 0"),
        (["--target-bpp", "nan"], "--target-bpp: must be more than 0"),
    ],
)
def test_options_that_contradict_are_wrong_usage(pqmim, png, options, message):
    outcome = pqmim("compress", png, *options)
    assert outcome.code == 2
    assert message in outcome.err


def test_stages_are_sent_alone_and_filled_in_as_asked(pqmim, png, file, tmp_path):
    part = tmp_path / "part.pqm"
    args = ("compress", png, "--schedule", SCHEDULE, "--stages", 1, "-o", part)
    assert pqmim(*args).code == 0
    assert part.stat().st_size < file.stat().st_size
    pictures = []
    for fill in (["mean"], ["sample"], ["sample"], ["sample", "--seed", 7]):
        back = tmp_path / "back.png"
        assert pqmim("decompress", part, "-o", back, "--force", "--fill", *fill).code == 0
        pictures.append(pixels(back))
    assert not np.array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[1], pictures[2])
    assert not np.array_equal(pictures[1], pictures[3])
    assert "hybrid     1 of its stages, the rest is imagined" in pqmim("info", part).out
    assert "hybrid     1 of 3 stages" in pqmim("info", part, "--stages").out
    outcome = pqmim("compress", png, "--stages", 9, "--force")
    assert outcome.code == 1
    assert "stages must be in 1..3, got 9" in outcome.err


def test_a_truncated_file_is_an_error_until_it_is_allowed(pqmim, file, tmp_path):
    half = tmp_path / "half.pqm"
    half.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    outcome = pqmim("decompress", half)
    assert outcome.code == 1
    assert "--allow-truncated shows what is there" in outcome.err
    outcome = pqmim("decompress", half, "--allow-truncated")
    assert outcome.code == 0
    assert outcome.error_lines[0].startswith(f"pqmim: warning: {half}: the file is cut short")
    assert pixels(half.with_suffix(".png")).shape == (50, 70, 3)


def test_pictures_above_max_pixels_are_refused_both_ways(pqmim, png, file, tmp_path):
    outcome = pqmim("compress", png, "--force", "--max-pixels", 3499)
    assert outcome.code == 1
    assert "--max-pixels" in outcome.err
    outcome = pqmim("decompress", file, "-o", tmp_path / "back.png", "--max-pixels", 3499)
    assert outcome.code == 1
    assert "70 x 50 pixels, more than the 3499" in outcome.err
    outcome = pqmim("decompress", file, "-o", tmp_path / "back.png", "--max-pixels", 3500)
    assert outcome.code == 0


def test_preview_draws_one_panel_a_stage(pqmim, file, tmp_path):
    film = tmp_path / "film.png"
    outcome = pqmim("preview", file, "-o", film)
    assert outcome.code == 0, outcome.err
    assert "3 stages" in outcome.out
    sheet = pixels(film)
    # The last panel is the whole picture.
    assert pqmim("decompress", file, "-o", tmp_path / "back.png").code == 0
    panel = pixels(tmp_path / "back.png")
    columns = [x for x in range(sheet.shape[1] - 69) if (sheet[12, x] == panel[0, 0]).all()]
    assert any((sheet[12:62, x : x + 70] == panel).all() for x in columns)
    assert sheet.shape[1] >= 3 * 70
    outcome = pqmim("preview", file, "-o", film)
    assert outcome.code == 1
    assert "exists already" in outcome.err


def test_info_tells_of_attachments_and_shrink(pqmim, tmp_path):
    path = tmp_path / "clear.png"
    Image.new("LA", (90, 40), (100, 7)).save(path)
    assert pqmim("compress", path, "--shrink", 2).code == 0
    text = pqmim("info", path.with_suffix(".pqm")).out
    assert "90 x 40 pixels, grey" in text
    assert "2 times smaller" in text
    assert "alpha channel 5 bytes" in text
