"""The work of an ablation, piece by piece: who claims a piece does it, what is done stays."""

import json
import shutil
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from pqmim_jax import model_store
from pqmim_jax.ablation import bits, codes
from pqmim_jax.ablation.grid import Cell, Plan, Training, digest, make_plan
from pqmim_jax.ablation.locks import claimed
from pqmim_jax.ablation.provenance import provenance
from pqmim_jax.codec import Codec
from pqmim_jax.codec.order import CodingOrder
from pqmim_jax.codec.program_cache import start_backend, use_compilation_cache
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.coding import static_bits
from pqmim_jax.images import write_atomically
from pqmim_jax.model_store import StoredModel
from pqmim_jax.training.code_stage import train_on_codes
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.sharding import build_mesh

_POLL_SECONDS = 1.0  # between looks at what other processes have finished


class Workdir:
    """An ablation in its folder; see the package's docstring for what lies there."""

    def __init__(self, config, folder: Path, threads: int | None = None):
        """Plans; trains and encodes nothing yet.

        Args:
          config: resolved, with the fields of `ablation.default_config`.
          folder: the workdir, made if there is none.
          threads: windows that are coded at once; any number gives the same results.

        Raises:
          ConfigError, DataError, ModelError, ValueError: the config cannot be run.
        """
        # One thread inside a program: numbers do not depend on cores, nor on who trained.
        start_backend()
        use_compilation_cache()  # seeds share their programs, and so do processes
        provenance()  # of the code that is loaded now
        self.config, self.folder, self._threads = config, Path(folder), threads
        if not config.mim_training.autoencoder:
            raise ConfigError("mim_training.autoencoder must name a model: packaged, or a folder")
        self.model = model_store.load_model(config.mim_training.autoencoder)
        self.files = codes.code_files(config, self.model, self.folder / "codes")
        section = self.model.config["autoencoder"]
        self.plan: Plan = make_plan(config, section["num_codebooks"], self.files.key)

    def trained_folder(self, training: Training) -> Path:
        """Where a MIM is trained: mim/, model/, done.json."""
        return self.folder / "trained" / training.key

    def is_trained(self, training: Training) -> bool:
        """Whether its model is there."""
        return (self.trained_folder(training) / "done.json").is_file()

    def cell_path(self, cell: Cell) -> Path:
        """The result of a cell."""
        return self.folder / "cells" / f"{cell.key}.json"

    def missing(self) -> tuple[list[Training], list[Cell]]:
        """What is still to be done."""
        cells = [cell for cell in self.plan.cells if not self.cell_path(cell).is_file()]
        wanted = {cell.training.key for cell in cells}
        trainings = [each for each in self.plan.trainings if each.key in wanted]
        return [each for each in trainings if not self.is_trained(each)], cells

    def results(self) -> list[tuple[Cell, dict]]:
        """All finished cells of the plan, in its order."""
        paths = [(cell, self.cell_path(cell)) for cell in self.plan.cells]
        return [(cell, json.loads(path.read_text())) for cell, path in paths if path.is_file()]

    def run(self) -> Iterator[str]:
        """Does what is missing, beside other processes, until nothing is; yields lines to print.

        Raises:
          Interrupted: a signal came while a MIM was trained; it goes on from its checkpoint.
          TrainingError: a loss is not finite.
        """
        yield from self._until_done(self._encode_something)
        yield from self._until_done(self._do_something)

    def train(self, training: Training, folder: Path) -> None:
        """Trains one MIM in a folder; nothing if it is trained there already."""
        began = time.perf_counter()
        section = ConfigDict(self.model.config["autoencoder"])
        train_on_codes(
            training.config,
            section,
            self.model.autoencoder,
            codes.read_training_codes(self.files.training),
            epath.Path(folder),
            build_mesh(training.config.mesh),
        )
        done = {"seconds": time.perf_counter() - began, "seed": training.seed}
        done |= {"factors": training.factors, **provenance()}
        write_json(folder / "done.json", done)
        shutil.rmtree(folder / "mim" / "checkpoints", ignore_errors=True)

    def measure(self, cell: Cell, trained: Path) -> dict:
        """The result of a cell, JSON-able, on the MIM that was trained in the folder `trained`."""
        programs, model = _programs(trained / "model", cell.window, self._threads)
        images = []
        for number, picture in enumerate(_pictures(self.files.evaluation)):
            sides = (model.config["codec"]["window"], model.config["codec"]["halo"])
            grid = WindowGrid(picture.height, picture.width, programs.f, *sides)
            m = picture.indices.shape[-1]
            order = CodingOrder(grid, m, m, cell.schedule)
            decoded = number < self.config.evaluation.decode_images
            image = _measure_picture(programs, order, picture, decode=decoded)
            image["frequency_bits"] = static_bits(model.counts, picture.indices)
            images.append(image)
        return {
            "training": cell.training.key,
            "factors": cell.training.factors,
            "seed": cell.training.seed,
            "schedule": cell.schedule,
            "window": cell.window,
            "stages": cell.stages,
            "images": images,
            "provenance": {"config_hash": _hash(cell.training.config), **provenance()},
        }

    def _until_done(self, do_something) -> Iterator[str]:
        while (line := do_something()) is not None:
            if line:
                yield line
            else:
                time.sleep(_POLL_SECONDS)  # the rest is in other processes' hands

    def _encode_something(self) -> str | None:
        """Makes one file of codes; "" if others are at it, None if all are there."""
        writers = {
            self.files.evaluation: self._write_evaluation,
            self.files.training: self._write_training,
        }
        absent = {path: write for path, write in writers.items() if not path.is_file()}
        for path, write in absent.items():
            with claimed(self.folder / "locks", path.stem) as mine:
                if mine and not path.is_file():
                    write(path)
                    return f"encoded {path.name}"
        return "" if absent else None

    def _do_something(self) -> str | None:
        """Measures a cell or trains a MIM that nobody is at; "" if there is none, None at the end.

        Cells come first: they free a trained model's programs from memory soonest.
        """
        trainings, cells = self.missing()
        if not cells:
            return None
        for cell in cells:
            if self.is_trained(cell.training) and (line := self._claim_cell(cell)):
                return line
        for training in trainings:
            with claimed(self.folder / "locks", training.key) as mine:
                if mine and not self.is_trained(training):
                    self.train(training, self.trained_folder(training))
                    return f"trained {training.factors} seed {training.seed}"
        return ""

    def _claim_cell(self, cell: Cell) -> str:
        path = self.cell_path(cell)
        with claimed(self.folder / "locks", cell.key) as mine:
            if not mine or path.is_file():
                return ""
            result = self.measure(cell, self.trained_folder(cell.training))
            write_json(path, result)
        spent = sum(image["bits"] for image in result["images"])
        count = sum(image["indices"] for image in result["images"])
        return f"{cell.schedule} window {cell.window}: {spent / count:.4f} bits an index"

    def _write_training(self, path: Path) -> None:
        codes.write_training_codes(self.config, self.model, path)

    def _write_evaluation(self, path: Path) -> None:
        codec = Codec.of(self.model, threads=self._threads)
        codes.write_evaluation_codes(self.config, codec, path)


def write_json(path: Path, value: dict) -> None:
    """Atomic; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(value, sort_keys=True) + "\n").encode(), overwrite=True)


def _measure_picture(programs: Programs, order: CodingOrder, picture, *, decode: bool) -> dict:
    coded = bits.encode(programs, order, picture.indices)
    seconds = {"encode": coded.seconds}
    if decode:
        _, seconds["decode"] = bits.decode(programs, order, coded.payload)
    return {
        "file": picture.name,
        "pixels": picture.height * picture.width,
        "tokens": picture.indices[..., 0].size,
        "indices": picture.indices.size,
        "bits": float(coded.stage_bits.sum()),
        "stage_bits": coded.stage_bits.tolist(),
        "stage_indices": _counts(order),
        "payload_bytes": len(coded.payload.data),
        "seconds": seconds,
    }


def _counts(order: CodingOrder) -> list[int]:
    stages = order.stage_of_indices()
    return np.bincount(stages.ravel(), minlength=order.stage_count).tolist()


@lru_cache(maxsize=1)
def _pictures(path: Path) -> list[codes.EvaluatedPicture]:
    return codes.read_evaluation_codes(path)


@lru_cache(maxsize=2)
def _programs(folder: Path, window: int, threads: int | None) -> tuple[Programs, StoredModel]:
    model = bits.with_window(model_store.load_model(folder), window)
    programs = Programs(model, threads)
    # Compiled now: the first picture's time is to be like the others'.
    _ = programs.context, programs.head
    return programs, model


def _hash(config) -> str:
    """Of a cell's config, less where things lie and what else is in the grid."""
    values = {name: value for name, value in config.to_dict().items() if name != "ablation"}
    for section in ("data", "evaluation"):
        values[section] = {k: v for k, v in values[section].items() if k != "source"}
    return digest(values)
