"""Makes the files beside this one: `python make_torch_files.py` (pip install torch)."""

from collections import OrderedDict
from pathlib import Path

import torch


def main():
    base = torch.arange(24, dtype=torch.float32)
    tensors = OrderedDict(
        plain=base.reshape(2, 3, 4),
        transposed=base.reshape(4, 6).T,
        tail=base[20:],
        half=torch.tensor([0.5, -2.0], dtype=torch.float16),
        count=torch.tensor(7),
        parameter=torch.nn.Parameter(torch.ones(2)),
    )
    tensors._metadata = OrderedDict(version=1)  # as a module's state_dict() has it
    folder = Path(__file__).parent
    torch.save(tensors, folder / "archive.pth")
    torch.save(tensors, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(1, 1), folder / "module.pth")


if __name__ == "__main__":
    main()
