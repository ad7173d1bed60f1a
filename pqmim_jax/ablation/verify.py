"""Does a finished cell come out the same again?"""

import random
import tempfile
from pathlib import Path

from pqmim_jax.ablation.work import Workdir
from pqmim_jax.training.config import ConfigError


def verify(workdir: Workdir, *, retrain: bool, seed: int | None = None) -> tuple[str, list[str]]:
    """Measures a random finished cell once more.

    Args:
      retrain: train its MIM again too, from nothing, in a temporary folder.
      seed: of the choice; None takes another cell each time.

    Returns:
      what was compared, and one line for each thing that differs: none if all is well.

    Raises:
      ConfigError: no cell is finished.
    """
    results = workdir.results()
    if not results:
        raise ConfigError(f"{workdir.folder}: no cell is finished, so none can be verified")
    cell, before = random.Random(seed).choice(results)
    what = f"cell {cell.key}: {cell.schedule}, seed {cell.training.seed}, {cell.training.factors}"
    if not retrain:
        return what, differences(
            before, workdir.measure(cell, workdir.trained_folder(cell.training))
        )
    with tempfile.TemporaryDirectory() as folder:
        workdir.train(cell.training, Path(folder))
        return f"{what}, trained again", differences(before, workdir.measure(cell, Path(folder)))


def differences(before: dict, after: dict) -> list[str]:
    """What differs between two results of a cell, times aside: one line each.

    Other versions or another device are no difference by themselves; they are named where the
    numbers differ too.
    """
    if len(before["images"]) != len(after["images"]):
        return [f"{len(before['images'])} pictures before, {len(after['images'])} now"]
    found = [
        f"{old['file']}: {name} {old[name]} before, {new[name]} now"
        for old, new in zip(before["images"], after["images"], strict=True)
        for name in ("file", "bits", "stage_bits", "payload_bytes")
        if old[name] != new[name]
    ]
    if found:
        now = after["provenance"]
        for name, value in before["provenance"].items():
            if now.get(name) != value:
                found.append(f"{name}: {value} before, {now.get(name)} now")
    return found
