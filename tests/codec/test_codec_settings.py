"""Settings of JAX that reach traced programs do not reach the codec's, nor its cache."""

import os
import subprocess
import sys

import numpy as np
import pytest

PICTURE = np.random.default_rng(5).integers(0, 256, (40, 70, 3), dtype=np.uint8)
DECODE = """
import sys
import numpy as np
from pqmim_jax.codec import Codec
codec = Codec.load(sys.argv[1])
data = open(sys.argv[2], "rb").read()
np.save(sys.argv[3], codec.decompress(data))
again = codec.compress(np.load(sys.argv[4]))
codec.decompress(again)
open(sys.argv[3] + ".pqm", "wb").write(again)
"""


@pytest.fixture
def decoded_elsewhere(tiny_model, tmp_path):
    """Function: pixels and a file of a process with these variables, all with one cache."""
    (tmp_path / "cache").mkdir()
    np.save(tmp_path / "picture.npy", PICTURE)

    def decode(data, name, cache=tmp_path / "cache", **variables):
        (tmp_path / "a.pqm").write_bytes(data)
        caches = {"PQMIM_CACHE_DIR": str(cache), "JAX_COMPILATION_CACHE_DIR": ""}
        environment = {**os.environ, **caches, **variables}
        paths = (tiny_model, tmp_path / "a.pqm", tmp_path / f"{name}.npy", tmp_path / "picture.npy")
        command = [sys.executable, "-c", DECODE, *map(str, paths)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return np.load(tmp_path / f"{name}.npy"), (tmp_path / f"{name}.npy.pqm").read_bytes()

    return decode


@pytest.mark.parametrize(
    "setting", [{"JAX_DEFAULT_MATMUL_PRECISION": "BF16_BF16_F32"}, {"JAX_ENABLE_X64": "1"}], ids=str
)
def test_neither_programs_nor_their_cache_depend_on_settings(decoded_elsewhere, codec, setting):
    data = codec.compress(PICTURE)
    pixels = codec.decompress(data)
    under, made_under = decoded_elsewhere(data, "under", **setting)
    after, made_after = decoded_elsewhere(data, "after")
    np.testing.assert_array_equal(under, pixels)
    np.testing.assert_array_equal(after, pixels)
    assert made_under == made_after == data


def test_a_cache_that_cannot_be_written_is_done_without(decoded_elsewhere, codec, tmp_path):
    data = codec.compress(PICTURE)
    (tmp_path / "file").write_text("")
    found, _ = decoded_elsewhere(data, "a", cache=tmp_path / "file" / "x")
    np.testing.assert_array_equal(found, codec.decompress(data))
