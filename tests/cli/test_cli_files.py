"""`pqmim compress` and `pqmim decompress`: what is read and written, and what is in it."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.images import read_image


@pytest.fixture(autouse=True)
def one_codec(codec_loaded_once):
    pass


def reconstruction(codec, image, quality):
    return codec.decode_indices(codec.nearest_indices(image), quality, image.shape[:2])


def test_round_trip_in_fresh_processes_is_the_encoders_own_picture(png, tiny_model, codec):
    program = Path(sys.executable).with_name("pqmim")
    command = [str(program)] if program.exists() else [sys.executable, "-m", "pqmim_jax"]

    def run(*arguments):
        return subprocess.run(
            [*command, *map(str, arguments), "--model", str(tiny_model)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip

    done = run("compress", png)
    file = png.with_suffix(".pqm")
    size = file.stat().st_size
    assert done.stdout == f"{png} -> {file}  {size} bytes  {8 * size / 3500:.4f} bpp\n"

    decoded = png.with_name("decoded.png")
    run("decompress", file, "-o", decoded)
    expected = reconstruction(codec, read_image(png), codec.qualities)
    np.testing.assert_array_equal(read_image(decoded), expected)


def test_quality_and_schedule_are_obeyed(pqmim, png, codec):
    done = pqmim("compress", png, "--quality", 2, "--schedule", "checkerboard")
    assert (done.code, done.err) == (0, "")
    data = png.with_suffix(".pqm").read_bytes()
    assert codec.info(data).header.quality == 2
    assert codec.info(data).schedule == "checkerboard"
    assert len(data) < len(codec.compress(read_image(png)))


@pytest.mark.parametrize("suffix", [".webp", ".tif", ".PNG"])
def test_suffix_of_the_output_chooses_the_format(pqmim, png, codec, suffix):
    file = png.with_suffix(".pqm")
    file.write_bytes(codec.compress(read_image(png), quality=1))
    target = png.with_name(f"decoded{suffix}")
    assert pqmim("decompress", file, "-o", target).code == 0
    with Image.open(target) as image:
        assert suffix[1:].upper()[:3] in image.format
    np.testing.assert_array_equal(read_image(target), reconstruction(codec, read_image(png), 1))


def test_unknown_output_suffix_is_an_error(pqmim, png):
    done = pqmim("decompress", png, "-o", png.with_suffix(".xyz"))
    assert done.code == 1
    assert "'.xyz'" in done.err and ".png" in done.err


def test_several_files_go_to_a_new_folder_and_come_back(pqmim, png, tmp_path, codec):
    second = tmp_path / "second.png"
    shutil.copy(png, second)
    assert pqmim("compress", png, second, "-o", tmp_path / "files", "--quiet").out == ""
    files = sorted((tmp_path / "files").iterdir())
    assert [file.name for file in files] == ["photo.pqm", "second.pqm"]
    assert pqmim("decompress", *files, "-o", tmp_path / "pictures").code == 0
    expected = reconstruction(codec, read_image(png), codec.qualities)
    for name in ("photo.png", "second.png"):
        np.testing.assert_array_equal(read_image(tmp_path / "pictures" / name), expected)


def test_folder_of_pictures_goes_and_comes_back_mirrored(pqmim, png, tmp_path, codec):
    (tmp_path / "photos/sub").mkdir(parents=True)
    shutil.copy(png, tmp_path / "photos/a.PNG")
    shutil.copy(png, tmp_path / "photos/sub/b.png")
    (tmp_path / "photos/notes.txt").write_text("no picture")
    assert pqmim("compress", tmp_path / "photos", "-o", tmp_path / "files").code == 0
    assert pqmim("decompress", tmp_path / "files", "--format", "webp").code == 0
    found = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    names = sorted(str(path.relative_to(tmp_path / "files")) for path in found)
    assert names == ["a.pqm", "a.webp", "sub/b.pqm", "sub/b.webp"]
    np.testing.assert_array_equal(
        read_image(tmp_path / "files/sub/b.webp"),
        reconstruction(codec, read_image(png), codec.qualities),
    )


@pytest.mark.parametrize("options, format_name", [((), "PNG"), (("--format", "jpg"), "JPEG")])
def test_pipeline(pqmim, png, tiny_model, codec, monkeypatch, options, format_name):
    data = codec.compress(read_image(png), quality=2)
    output = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", output)

    def pipe(content, *arguments):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        output.buffer.seek(0)
        output.buffer.truncate()
        assert pqmim(*arguments).code == 0
        output.flush()
        return output.buffer.getvalue()

    assert pipe(png.read_bytes(), "compress", "-", "--quality", 2) == data
    picture = pipe(data, "decompress", "-", *options)
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == (format_name, (70, 50))
    assert b"quality    2 of 4" in pipe(data, "info", "-", "--model", tiny_model)


def test_format_given_wins_over_the_suffix(pqmim, png, codec):
    file, target = png.with_suffix(".pqm"), png.with_name("picture.dat")
    file.write_bytes(codec.compress(read_image(png), quality=1))
    assert pqmim("decompress", file, "-o", target, "--format", "webp").code == 0
    with Image.open(target) as image:
        assert image.format == "WEBP"
    done = pqmim("decompress", file, "--format", "xyz")
    assert done.code == 1 and "'.xyz'" in done.err


def test_one_file_into_an_existing_folder(pqmim, png, tmp_path):
    (tmp_path / "folder").mkdir()
    assert pqmim("compress", png, "-o", tmp_path / "folder").code == 0
    assert (tmp_path / "folder" / "photo.pqm").is_file()


def test_goes_on_after_a_failure_and_lists_it_at_the_end(pqmim, png, tmp_path):
    bad, missing = tmp_path / "bad.png", tmp_path / "missing.png"
    bad.write_text("no picture")
    done = pqmim("compress", bad, missing, png)
    assert done.code == 1
    assert png.with_suffix(".pqm").is_file()
    assert not bad.with_suffix(".pqm").exists()
    assert [str(path) in line for path, line in zip((bad, missing), done.error_lines, strict=True)]
    assert all(line.startswith("pqmim: error: ") for line in done.error_lines)


def test_existing_output_is_an_error_before_any_work(pqmim, png, tmp_path):
    second = tmp_path / "second.png"
    shutil.copy(png, second)
    second.with_suffix(".pqm").write_bytes(b"precious")
    done = pqmim("compress", png, second)
    assert done.code == 1
    assert done.error_lines == [
        f"pqmim: error: {second.with_suffix('.pqm')} exists already "
        "(--force replaces what exists, --skip-existing keeps it)"
    ]
    assert not png.with_suffix(".pqm").exists()
    assert second.with_suffix(".pqm").read_bytes() == b"precious"


def test_force_replaces_a_file_but_never_an_input(pqmim, png):
    file = png.with_suffix(".pqm")
    file.write_bytes(b"old")
    assert pqmim("compress", png, "--force").code == 0
    assert file.read_bytes()[:3] == b"PQM"
    before = png.read_bytes()
    done = pqmim("compress", png, "-o", png, "--force")
    assert done.code == 1 and "both read and written" in done.err
    assert png.read_bytes() == before


def test_failure_with_force_keeps_the_old_file(pqmim, png):
    picture = png.read_bytes()
    png.with_suffix(".pqm").write_bytes(b"damaged")
    assert pqmim("decompress", png.with_suffix(".pqm"), "--force").code == 1
    assert png.read_bytes() == picture


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["a/x.png", "b/x.jpg", "-o", "folder"], "would both become"),
        (["a.png", "a.jpg"], "would both become"),
        (["a.png", "b.png", "-o", "photo.png"], "is a file"),
        (["a.png", "-o", "nowhere/a.pqm"], "nowhere: no such folder"),
        (["nothing"], "nothing: no files to read in it"),
        (["*.jpg"], "*.jpg: no file matches"),
        (["photo.png", "--quality", "5"], "--quality must be from 1 to 4"),
        (["photo.png", "--quality", "0"], "--quality must be from 1 to 4"),
        (["photo.png", "--schedule", "quincuncx"], "quincunx"),
        (["missing.png"], "missing.png: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(pqmim, png, monkeypatch, arguments, message):
    monkeypatch.chdir(png.parent)
    (png.parent / "nothing").mkdir()
    before = sorted(png.parent.rglob("*"))
    done = pqmim("compress", *arguments)
    assert done.code == 1
    assert len(done.error_lines) == 1 and message in done.err
    assert sorted(png.parent.rglob("*")) == before
