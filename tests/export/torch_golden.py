"""What tools/torch_decoder.py made of a few indices, for machines without PyTorch.

    python tests/export/torch_golden.py PYTHON    # an interpreter with PyTorch; records anew

Holds: indices (h, w, M) of the packaged model, quality, pixels (h*f, w*f, 3) uint8, and the SHA-256
of the script that made them.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[2] / "tools" / "torch_decoder.py"
FILE = Path(__file__).parent / "torch_golden.npz"


def script_hash() -> str:
    return hashlib.sha256(SCRIPT.read_bytes()).hexdigest()


def decoded_by_torch(python: str, exported: Path, indices: np.ndarray, quality: int) -> np.ndarray:
    """Pixels that the script makes, in a process of an interpreter that has PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "indices.npy"), Path(folder, "picture.npy")
        np.save(given, indices)
        command = [python, SCRIPT, exported, given, "-o", made, "--quality", quality]
        subprocess.run(list(map(str, command)), check=True)
        return np.load(made)


def main() -> None:
    from pqmim_jax.export import export_model
    from pqmim_jax.model_store import load_model

    quality, model = 7, load_model()
    counts = model.counts.shape
    indices = np.random.default_rng(0).integers(0, counts[1], (3, 5, counts[0]))
    with tempfile.TemporaryDirectory() as folder:
        export_model(model, "safetensors", Path(folder, "tensors"))
        pixels = decoded_by_torch(sys.argv[1], Path(folder, "tensors"), indices, quality)
    np.savez_compressed(
        FILE, indices=np.uint8(indices), quality=quality, pixels=pixels, script=script_hash()
    )


if __name__ == "__main__":
    main()
