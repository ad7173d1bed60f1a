"""Rescaled copies: scales, sizes, the same ones every time, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.data.tiles import spread_scales

TOOL = Path(__file__).parents[2] / "tools" / "rescale_pictures.py"


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for name, size in (("large.png", (400, 300)), ("small.png", (40, 60))):
        pixels = rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def run(*arguments):
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("copies", [1, 7])
def test_scales_cover_the_range_part_by_part(copies):
    scales = spread_scales(copies, 0.25, 0.75, np.random.default_rng(3))
    edges = np.geomspace(0.25, 0.75, copies + 1)
    assert (edges[:-1] <= scales).all() and (scales < edges[1:]).all()


def test_copies_are_shrunk_but_not_below_the_least_side(photos, tmp_path):
    arguments = ("--copies", 3, "--min-scale", 0.1, "--max-scale", 0.5, "--min-side", 96)
    done = run(photos, tmp_path / "copies", *arguments)
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "copies").iterdir())
    sizes = [Image.open(file).size for file in files]
    assert len(files) == 6
    assert sizes[3:] == [(40, 60)] * 3  # smaller than that already
    assert all(width <= 201 and height >= 96 for width, height in sizes[:3])
    assert run(photos, tmp_path / "again", *arguments).returncode == 0
    again = sorted((tmp_path / "again").iterdir())
    assert [a.read_bytes() for a in files] == [b.read_bytes() for b in again]


def test_a_folder_that_exists_is_not_written_to(photos):
    done = run(photos, photos)
    assert done.returncode == 1 and "exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_pictures_is_one_clear_error(tmp_path):
    done = run(tmp_path, tmp_path / "copies")
    assert done.returncode == 1 and "no pictures below" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "copies").exists()


def test_a_damaged_photograph_leaves_no_half_folder(photos, tmp_path):
    (photos / "broken.png").write_bytes(b"no picture")
    done = run(photos, tmp_path / "copies")
    assert done.returncode == 1 and "broken.png" in done.stderr and "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == [photos]


@pytest.mark.parametrize("wrong", [("--copies", 0), ("--min-scale", 0.9), ("--max-scale", 2)])
def test_wrong_numbers_are_refused(photos, tmp_path, wrong):
    done = run(photos, tmp_path / "copies", *wrong)
    assert done.returncode == 2 and "must be" in done.stderr
