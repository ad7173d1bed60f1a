"""The runtime without JAX: works where JAX is not, and refuses what is not a whole export."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.cli import main
from pqmim_jax.runtime import ExportError, load_codec
from pqmim_jax.runtime.manifest import sealed

ROOT = Path(__file__).parents[2]
PICTURE = np.random.default_rng(5).integers(0, 256, (40, 70, 3), dtype=np.uint8)
# As in an environment with NumPy, Pillow and ONNX Runtime only.
WITHOUT_JAX = """
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in {absent}:
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Hiding, sys.meta_path)
from pqmim_jax.cli import main
sys.exit(main(sys.argv[1:]))
"""
ABSENT = (
    "flax",
    "jax",
    "jaxlib",
    "ml_collections",
    "onnx",
    "safetensors",
    "scipy",
    "shtab",
    "tqdm",
)


def without_jax(*arguments, **variables):
    program = WITHOUT_JAX.format(absent=ABSENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_compress_and_decompress_without_jax(onnx_folder, codec, tmp_path):
    source, file, back = (tmp_path / name for name in ("a.png", "a.pqm", "b.png"))
    Image.fromarray(PICTURE).save(source)
    done = without_jax("compress", source, PQMIM_MODEL=str(onnx_folder))
    assert done.returncode == 0, done.stderr
    assert codec.decompress(file.read_bytes()).shape == PICTURE.shape
    file.write_bytes(codec.compress(PICTURE, quality=3))
    done = without_jax("--runtime", "onnx", "decompress", file, "-o", back, "--model", onnx_folder)
    assert done.returncode == 0, done.stderr
    expected = codec.decompress(file.read_bytes()).astype(int)
    assert np.abs(expected - np.asarray(Image.open(back))).max() <= 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["compress", __file__], "needs --model FOLDER, or PQMIM_MODEL"),
        (
            ["export", "small", "--format", "onnx", "-o", "out"],
            "'(jax|safetensors)'.*pip install pqmim-",
        ),
        (
            ["--runtime", "jax", "decompress", "x.pqm", "-o", "x.png"],
            "'(jax|safetensors)'.*pip install pqmim-jax",
        ),
    ],
)
def test_without_jax_it_is_said_what_is_missing(command, message, tmp_path):
    done = without_jax(*command)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.match(f"pqmim: error: .*{message}", line)


def test_an_exported_model_brings_its_runtime(onnx_folder, codec, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pqmim_jax.codec.Codec.load", None)  # what JAX would be loaded by
    file = tmp_path / "a.pqm"
    file.write_bytes(codec.compress(PICTURE))
    command = ["info", str(file), "--stages"]
    assert main([*command, "--model", str(onnx_folder)]) == 0
    monkeypatch.setenv("PQMIM_MODEL", str(onnx_folder))
    assert main(command) == 0
    facts = capsys.readouterr().out.splitlines()
    assert facts[: len(facts) // 2] == facts[len(facts) // 2 :]


def test_the_command_says_where_there_is_no_choice_of_runtimes(capsys):
    with pytest.raises(SystemExit):
        main(["--runtime", "onnx", "models"])
    assert "no --runtime onnx" in capsys.readouterr().err


def test_the_export_command(tiny_model, tmp_path, capsys):
    folder = tmp_path / "out"
    command = ["export", str(tiny_model), "--format", "safetensors", "-o", str(folder)]
    assert main(command) == 0
    assert str(folder) in capsys.readouterr().out
    assert main(command) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*command, "--force", "--quiet"]) == 0
    assert main(["--runtime", "onnx", "decompress", __file__, "--model", str(folder)]) == 1
    assert "not to 'onnx'" in capsys.readouterr().err


def edited(change, *, seal=True):
    """Changes the manifest of a folder; `seal`: with a right SHA-256."""

    def edit(folder):
        manifest = json.loads((folder / "manifest.json").read_text())
        change(manifest)
        text = json.dumps(sealed(manifest) if seal else manifest)
        (folder / "manifest.json").write_text(text)

    return edit


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def unlisted_length(manifest):
    del manifest["files"]["head.onnx"]["bytes"]


def resize(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


DAMAGES = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "no manifest.json here"),
    "half a manifest": (lambda f: (f / "manifest.json").write_text('{"a'), "unreadable"),
    "a list": (lambda f: (f / "manifest.json").write_text("[]"), "not supported"),
    "another format": (edited(lambda m: m.update(format="pqmim-export/9")), "export/9"),
    "another kind": (edited(lambda m: m.update(kind="stablehlo")), "'stablehlo'"),
    "a changed halo": (edited(lambda m: m["config"].update(halo=2), seal=False), "changed after"),
    "another fingerprint": (edited(lambda m: m.update(fingerprint="0"), seal=False), "changed aft"),
    "no fingerprint": (edited(lambda m: m.update(fingerprint="x")), "damaged: ValueError"),
    "no decoder digest": (edited(lambda m: m.pop("decoder")), "damaged: KeyError"),
    "an export of before": (edited(lambda m: m.update(format="pqmim-export/2")), "export/2"),
    "a hash": (edited(lambda m: m["files"]["head.onnx"].update(sha256="0")), "SHA-256"),
    "no length": (edited(unlisted_length), "damaged: KeyError"),
    "no config": (edited(lambda m: m.pop("config")), "damaged: KeyError"),
    "no decoder": (edited(lambda m: m["programs"].update(decode=[])), "no segments"),
    "another window": (edited(lambda m: m["config"].update(window=9)), "'context' is not of the"),
    "no head": (edited(lambda m: m["programs"].pop("head")), "damaged"),
    "another quality": (
        edited(lambda m: m["config"].update(mim_knows_quality=True)),
        "'context' is not of the",
    ),
    "another version": (edited(lambda m: m["config"].update(autoencoder_halo=9)), "version"),
    "windows": (edited(lambda m: m["config"].pop("filter_halo")), "version: no usable filter_halo"),
    "repeated edges": (edited(lambda m: m["config"].pop("outside")), "outside is None, here zero"),
    "a file elsewhere": (edited(lambda m: m["files"].update({"../x": {}})), "outside its folder"),
    "a file too many": (edited(lambda m: m["files"].update(x={"bytes": 0})), "x: No such file"),
    "an unlisted file": (edited(lambda m: m["files"].pop("head.onnx")), "does not list"),
    "codebooks of another shape": (edited(lambda m: m["codebooks"].update(shape=[1])), "codebooks"),
    "counts of another shape": (
        edited(lambda m: m["codeword_counts"].update(shape=[1])),
        "codeword_counts",
    ),
    "counts that are none": (
        edited(lambda m: m["codeword_counts"].update(dtype="<f4")),
        "not natural numbers",
    ),
    "a head of another shape": (
        edited(lambda m: m["programs"]["head"]["outputs"][0].update(shape=[128, 15])),
        "'head' is not of the shapes",
    ),
    "a head of another dtype": (
        edited(lambda m: m["programs"]["head"]["inputs"][0].update(dtype="float32")),
        "head.onnx does not take and give",
    ),
    "a head of another name": (
        edited(lambda m: m["programs"]["head"]["inputs"][2].update(name="n")),
        "head.onnx does not take and give",
    ),
    "the other program": (
        edited(lambda m: m["programs"].update(head=m["programs"]["context"])),
        "'head' is not of the shapes",
    ),
    "a missing program": (lambda f: (f / "head.onnx").unlink(), "head.onnx: No such file"),
    "a cut program": (lambda f: resize(f / "head.onnx", 99), "head.onnx has 99 bytes"),
    "a changed program": (lambda f: flip_a_byte(f / "head.onnx"), "head.onnx is not the file"),
    "changed counts": (
        lambda f: flip_a_byte(f / "codeword_counts.bin"),
        "codeword_counts.bin is not",
    ),
    "changed codebooks": (lambda f: flip_a_byte(f / "codebooks.bin"), "codebooks.bin is not"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_is_one_clear_error(onnx_folder, tmp_path, name):
    damage, message = DAMAGES[name]
    folder = tmp_path / "copy"
    shutil.copytree(onnx_folder, folder)
    damage(folder)
    with pytest.raises(ExportError, match=message) as caught:
        load_codec(folder).programs.head  # noqa: B018  programs are read when they are needed
    assert "\n" not in str(caught.value)


def test_what_lies_beside_an_export_is_not_read(onnx_folder, tmp_path):
    shutil.copytree(onnx_folder, tmp_path / "copy")
    (tmp_path / "copy" / "head.onnx.orig").write_bytes(b"x")
    assert load_codec(tmp_path / "copy").programs.head is not None


def test_a_program_that_onnx_runtime_cannot_load_is_an_export_error(onnx_folder, tmp_path):
    from pqmim_jax.runtime.manifest import describe_file

    folder = tmp_path / "copy"
    shutil.copytree(onnx_folder, folder)
    (folder / "head.onnx").write_bytes(b"no model")
    edited(lambda m: m["files"].update({"head.onnx": describe_file(b"no model")}))(folder)
    with pytest.raises(ExportError, match="cannot load it"):
        load_codec(folder).programs.head  # noqa: B018


@pytest.mark.slow  # downloads packages: minutes
def test_the_distribution_without_jax(onnx_folder, codec, tmp_path):
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [environment / "bin" / "pip", "install", "--quiet"]
    subprocess.run([*pip, ROOT / "tools" / "runtime_package"], check=True)
    file, back = tmp_path / "a.pqm", tmp_path / "a.png"
    file.write_bytes(codec.compress(PICTURE))
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [environment / "bin" / "pqmim"]
    options = ["--model", onnx_folder, "--force"]
    for step in (["decompress", file], ["compress", back]):
        subprocess.run([*command, *step, *options], check=True, env=clean, cwd=tmp_path)
    assert codec.decompress(file.read_bytes()).shape == PICTURE.shape
    python = environment / "bin" / "python"
    absent = subprocess.run([python, "-c", "import jax"], env=clean, capture_output=True)
    assert absent.returncode != 0
