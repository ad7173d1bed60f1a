"""An exported model makes and reads the same files; a folder is whole or not there."""

import dataclasses
import json

import numpy as np
import onnx
import onnxruntime
import pytest

from pqmim_jax import Codec
from pqmim_jax.coding import WrongModelError
from pqmim_jax.export import export_model
from pqmim_jax.export.errors import UnsupportedOperationError
from pqmim_jax.export.operations import RULES
from pqmim_jax.model_store import load_model
from pqmim_jax.runtime import ExportError, load_codec
from pqmim_jax.training.random_model import save_noisy_model, tiny_config


@pytest.fixture(scope="module")
def onnx_codec(onnx_folder):
    return load_codec(onnx_folder, threads=2)


@pytest.fixture(scope="module")
def pyramid(pyramid_model):
    return load_model(pyramid_model)


@pytest.fixture(scope="module")
def pyramid_codec(pyramid, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "pyramid"
    export_model(pyramid, "onnx", folder)
    return load_codec(folder, threads=2)


@pytest.fixture(params=["xcit", "pyramid"])
def both(request):
    """The codec of a model in JAX, and that of its export."""
    if request.param == "xcit":
        return request.getfixturevalue("codec"), request.getfixturevalue("onnx_codec")
    stored = request.getfixturevalue("pyramid")
    return Codec.of(stored), request.getfixturevalue("pyramid_codec")


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (150, 90, 3), dtype=np.uint8)


@pytest.mark.parametrize("options", [{}, {"quality": 2, "rate_weight": 500.0}, {"stages": 2}])
def test_files_go_both_ways(both, image, options):
    files = [each.compress(image, **options) for each in both]
    for data in files:
        pictures = [each.decompress(data).astype(int) for each in both]
        assert np.abs(pictures[0] - pictures[1]).max() <= 1
        assert pictures[0].std() > 10
        bits = [each.info(data).stage_bits for each in both]
        np.testing.assert_array_equal(*bits)


@pytest.mark.parametrize("size", [(1, 1), (17, 400), (400, 33), (530, 370)])
def test_regions_of_any_shape_agree(both, size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    latents = [each.encode_latents(image) for each in both]
    np.testing.assert_allclose(*latents, atol=1e-3)
    indices = both[0].nearest_indices(image)
    pictures = [each.decode_indices(indices, 3, size) for each in both]
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 1
    assert pictures[0].shape == (*size, 3)


def test_everything_that_a_codec_offers_is_there(codec, onnx_codec, image):
    assert onnx_codec.qualities == codec.qualities
    assert onnx_codec.limits == codec.limits
    assert onnx_codec.model.fingerprint == codec.model.fingerprint
    assert onnx_codec.model.decoder == codec.model.decoder
    data = onnx_codec.compress_to_size(image, 200)
    assert len(data) <= 200
    assert codec.decompress(data).shape == image.shape


def test_refinement_is_exported_for_models_that_have_it(stored, codec, image, tmp_path):
    section = {**stored.config["codec"], "refinement_steps": 2, "curvature": 400.0}
    refining = dataclasses.replace(stored, config={**stored.config, "codec": section})
    export_model(refining, "onnx", tmp_path / "onnx")
    runtime = load_codec(tmp_path / "onnx")
    encoded = runtime.encode(image, rate_weight=300.0)
    assert encoded.data != runtime.compress(image, rate_weight=300.0, refinement_steps=0)
    with_jax = Codec.of(refining).encode(image, rate_weight=300.0)
    assert np.mean(encoded.indices == with_jax.indices) > 0.99  # float32 sums differ
    expected = codec.decode_indices(encoded.indices, 4, image.shape[:2])
    np.testing.assert_array_equal(codec.decompress(encoded.data), expected)


def test_a_model_that_knows_the_quality_is_told_it_in_every_runtime(told_folder, told_codec, image):
    runtime = load_codec(told_folder)
    for quality in range(1, runtime.qualities + 1):
        contexts = [each.programs.unknown_context(quality) for each in (told_codec, runtime)]
        np.testing.assert_array_equal(*contexts)
        side = contexts[0].shape[0] + 2
        window = np.random.default_rng(quality).integers(-1, 16, (side, side, 4), np.int32)
        told = [each.programs.context(window, np.int32(quality)) for each in (told_codec, runtime)]
        np.testing.assert_array_equal(*told)
        for options in ({}, {"stages": 2}):
            data = runtime.compress(image, quality=quality, **options)
            bits = [each.info(data).stage_bits for each in (told_codec, runtime)]
            np.testing.assert_array_equal(*bits)


def test_what_is_told_of_a_model_is_in_its_manifest(told_folder):
    manifest = json.loads((told_folder / "manifest.json").read_text())
    visible, quality = manifest["programs"]["context"]["inputs"]
    assert visible["name"] == "visible"
    assert quality == {"name": "quality", "shape": [], "dtype": "int32", "range": [1, 4]}
    assert manifest["codeword_counts"]["shape"] == [4, 4, 16]
    counts = np.random.default_rng(0).integers(0, 1000, (4, 4, 16))
    np.testing.assert_array_equal(load_codec(told_folder).model.counts, counts)


def test_a_file_of_another_model_is_refused(onnx_codec, other_model, image):
    from pqmim_jax import Codec

    with pytest.raises(WrongModelError, match="another model"):
        onnx_codec.decompress(Codec.load(other_model).compress(image[:16, :16]))


def test_the_manifest_describes_every_program(manifest, stored):
    section = stored.config["autoencoder"]
    assert manifest["format"] == "pqmim-export/3"
    assert manifest["fingerprint"] == f"{stored.fingerprint:08x}"
    assert manifest["decoder"] == f"{stored.decoder:04x}"
    assert manifest["codebooks"]["shape"] == [4, 16, 4]
    assert manifest["codeword_counts"]["shape"] == [4, 16]
    assert [each["name"] for each in manifest["programs"]["context"]["inputs"]] == ["visible"]
    assert manifest["config"]["filter_halo"] == 0  # no filter here
    first = manifest["programs"]["encode"][0]["inputs"]
    pixels = [f"{section['f']}*rows", f"{section['f']}*cols", 3]
    assert first == [
        {"name": "image", "shape": pixels, "dtype": "uint8", "range": [0, 255]},
        {"name": "mask", "shape": ["rows", "cols"], "dtype": "float32", "range": [0, 1]},
    ]
    (picture,) = manifest["programs"]["filter"]["outputs"]
    assert picture == {"name": "pixels", "shape": pixels, "dtype": "uint8", "range": [0, 255]}
    head = manifest["programs"]["head"]
    assert [each["name"] for each in head["inputs"]] == ["context", "known", "m"]
    assert head["inputs"][0]["dtype"] == "uint8"
    (logits,) = head["outputs"]
    assert (logits["name"], logits["dtype"], logits["shape"]) == (
        "fixed_logits",
        "int32",
        ["rows", 16],
    )
    for before, after in zip(*(manifest["programs"]["decode"][i:] for i in (0, 1)), strict=False):
        handed_over = [(each["shape"], each["dtype"]) for each in before["outputs"]]
        assert handed_over == [(each["shape"], each["dtype"]) for each in after["inputs"]]


def test_the_folder_says_nothing_of_where_it_was_made(onnx_folder, manifest, tiny_model):
    from pqmim_jax import export

    places = [str(tiny_model), str(onnx_folder.parent), export.__path__[0]]
    for path in onnx_folder.iterdir():
        data = path.read_bytes()
        assert not any(place.encode() in data for place in places), path.name
    assert {path.name for path in onnx_folder.iterdir()} == {*manifest["files"], "manifest.json"}


def test_the_other_backbone_head_and_a_post_filter_are_exported_too(tmp_path):
    config = tiny_config()
    config.autoencoder.update(backbone="conv", f=8, num_codewords=4)
    config.autoencoder.update(encoder_width=4, encoder_depth=0, decoder_width=4, decoder_depth=0)
    config.autoencoder.update(post_filter_width=4, post_filter_depth=1)
    config.codec.update(window=1)
    config.mim.update(head="independent")
    save_noisy_model(tmp_path / "conv", config)
    export_model(load_model(tmp_path / "conv"), "onnx", tmp_path / "out")
    codec = load_codec(tmp_path / "out")
    picture = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    encoded = codec.encode(picture)
    expected = codec.decode_indices(encoded.indices, codec.qualities, (20, 20))
    np.testing.assert_array_equal(codec.decompress(encoded.data), expected)
    assert len(np.unique(expected)) > 10


def test_a_pyramid_is_one_program_each_way_of_convolutions_side_by_side(pyramid_codec, tmp_path):
    """Transpositions between its convolutions would cost as much as they do."""
    manifest, optimised = pyramid_codec.model.manifest, str(tmp_path / "optimised.onnx")
    assert manifest["config"]["autoencoder_halo"] == 3
    for role in ("encode", "decode"):
        (program,) = manifest["programs"][role]
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath, options.log_severity_level = optimised, 3
        onnxruntime.InferenceSession(pyramid_codec.model.program(program), options)
        operations = [node.op_type for node in onnx.load(optimised).graph.node]
        assert operations.count("Conv") == 12
        assert operations.count("Transpose") <= 4


def test_a_dtype_that_runtimes_lack_is_named(stored, tmp_path):
    section = {**stored.config["autoencoder"], "dtype": "bfloat16"}
    model = dataclasses.replace(stored, config={**stored.config, "autoencoder": section})
    with pytest.raises(UnsupportedOperationError, match="bfloat16"):
        export_model(model, "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_differs_from_jax_is_not_handed_out(stored, tmp_path, monkeypatch):
    monkeypatch.setitem(RULES, "rsqrt", lambda graph, operands, eqn: operands[0])
    with pytest.raises(ExportError, match=r"'encode-0'.*differs.*allowed"):
        export_model(stored, "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unless_asked(stored, tmp_path):
    folder = tmp_path / "out"
    export_model(stored, "safetensors", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ExportError, match="exists already"):
        export_model(stored, "safetensors", folder)
    (folder / "leftover").write_text("x")
    export_model(stored, "safetensors", folder, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_no_export_is_never_replaced(stored, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "manifest.json").write_text(json.dumps({"name": "an extension"}))
    for name in ("file", "folder"):
        with pytest.raises(ExportError, match="left as it is"):
            export_model(stored, "safetensors", tmp_path / name, overwrite=True)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        export_model(stored, "safetensors", tmp_path / "no" / "where")
    with pytest.raises(ValueError, match="choices: onnx, stablehlo, safetensors"):
        export_model(stored, "tflite", tmp_path / "out")
