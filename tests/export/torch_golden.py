"""What tools/torch_decoder.py made of a few indices, for machines without PyTorch.

    python tests/export/torch_golden.py PYTHON    # an interpreter with PyTorch; records anew

Holds, for the packaged model and for a tiny pyramid: indices (h, w, M), quality, pixels
(h*f, w*f, 3) uint8; and the SHA-256 of the script that made them.
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


def recorded(python: str, model: Path | str, quality: int) -> dict[str, np.ndarray]:
    """Indices of a model, drawn, and what PyTorch makes of them."""
    from pqmim_jax.export import export_model
    from pqmim_jax.model_store import load_model

    stored = load_model(model)
    count, size = stored.counts.shape
    indices = np.random.default_rng(0).integers(0, size, (3, 5, count))
    with tempfile.TemporaryDirectory() as folder:
        export_model(stored, "safetensors", Path(folder, "tensors"))
        pixels = decoded_by_torch(python, Path(folder, "tensors"), indices, quality)
    return {"indices": np.uint8(indices), "quality": np.int32(quality), "pixels": pixels}


def main() -> None:
    from pqmim_jax.model_store import DEFAULT
    from pqmim_jax.training.random_model import save_noisy_model, tiny_pyramid_config

    with tempfile.TemporaryDirectory() as folder:
        save_noisy_model(Path(folder), tiny_pyramid_config())
        each = {
            "packaged": recorded(sys.argv[1], DEFAULT, 7),
            "pyramid": recorded(sys.argv[1], folder, 3),
        }
    arrays = {f"{model}_{k}": v for model, found in each.items() for k, v in found.items()}
    np.savez_compressed(FILE, **arrays, script=script_hash())


if __name__ == "__main__":
    main()
