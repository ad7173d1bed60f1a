"""How long what is missing will take: by what is finished, else by trying a little of it."""

import json
import time
from dataclasses import dataclass

import jax
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax.ablation import bits
from pqmim_jax.ablation.work import Workdir
from pqmim_jax.codec.order import CodingOrder
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.data.sources import open_source
from pqmim_jax.model_store import StoredModel
from pqmim_jax.models import build_mim
from pqmim_jax.training.code_stage import code_stage
from pqmim_jax.training.mim_stage import init_params
from pqmim_jax.training.random_model import integers_of
from pqmim_jax.training.sharding import build_mesh
from pqmim_jax.training.stage import layout_of, lower_step

_STEPS = 3  # tried
_PICTURE = (512, 768)  # pixels, tried where whole pictures are measured


@dataclass(frozen=True)
class Forecast:
    """Seconds of one process that has the machine to itself."""

    training: float  # of one MIM
    stage: float  # of one stage of one picture
    picture: float  # of one picture, besides its stages
    source: str  # where the numbers are from

    def of_cell(self, stages: int, pictures: int) -> float:
        """One cell."""
        return pictures * (self.picture + stages * self.stage)

    def total(self, workdir: Workdir) -> float:
        """All that is missing, encoding of the pictures aside."""
        trainings, cells = workdir.missing()
        pictures = _picture_count(workdir.config)
        measured = sum(self.of_cell(cell.stages, pictures) for cell in cells)
        return len(trainings) * self.training + measured


def forecast(workdir: Workdir) -> Forecast:
    """By finished cells of the workdir; where there are none, by a few steps and one picture."""
    finished = [
        (cell.stages, image["seconds"]["encode"])
        for cell, result in workdir.results()
        for image in result["images"]
    ]
    if not finished:
        return _tried(workdir)
    trained = {cell.training.key: cell.training for cell, _ in workdir.results()}
    seconds = [_trained_seconds(workdir.trained_folder(each)) for each in trained.values()]
    return Forecast(float(np.mean(seconds)), *_line(finished), "finished cells")


def _trained_seconds(folder) -> float:
    return json.loads((folder / "done.json").read_text())["seconds"]


def _line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Least squares: seconds a stage, and seconds at no stage, neither below 0."""
    stages, seconds = np.array(points).T
    if len(set(stages)) < 2:
        return 0.0, float(seconds.mean())
    slope, start = np.polyfit(stages, seconds, 1)
    return max(float(slope), 0.0), max(float(start), 0.0)


def _tried(workdir: Workdir) -> Forecast:
    training = workdir.plan.trainings[0]
    section = ConfigDict(workdir.model.config["autoencoder"])
    model = build_mim(training.config.mim, section)
    side = training.config.mim_training.crop // section.f
    grid = (side, side, section.num_codebooks)
    params = jax.device_get(jax.jit(lambda key: init_params(model, key, grid))(jax.random.key(0)))
    config = training.config.to_dict()
    sections = {"autoencoder": section.to_dict(), "mim": config["mim"], "codec": config["codec"]}
    mim = integers_of(sections, params)
    stored = StoredModel(
        "tried", sections, workdir.model.autoencoder, mim, workdir.model.counts, 0, 0
    )
    points = _timed_pictures(Programs(stored), training.config, section)
    seconds = _timed_steps(training.config, section) * training.config.mim_training.steps
    return Forecast(seconds, *_line(points), f"{_STEPS} steps and a picture of noise")


def _timed_steps(config, section) -> float:
    """Seconds of a training step, after it is compiled."""
    mesh = build_mesh(config.mesh)
    stage = code_stage(config, section)
    layout = layout_of(stage, mesh, config.sharding_rules)
    compiled = lower_step(stage, layout).compile()
    key = jax.device_put(jax.random.key(0), layout.replicated)
    state = jax.jit(stage.first_state, out_shardings=layout.state)(jax.random.key(0))
    shape = stage.batch_shapes()["indices"].shape
    noise = np.random.default_rng(0).integers(0, section.num_codewords, shape, np.int32)
    batch = {"indices": jax.device_put(noise, layout.batch)}
    state, _ = jax.block_until_ready(compiled(state, batch, key))
    began = time.perf_counter()
    for _ in range(_STEPS):
        state, _ = jax.block_until_ready(compiled(state, batch, key))
    return (time.perf_counter() - began) / _STEPS


def _timed_pictures(programs: Programs, config, section) -> list[tuple[int, float]]:
    """(stages, seconds) of a picture of noise coded with few stages and with more."""
    side = config.evaluation.crop
    size = (side, side) if side else _PICTURE
    grid = WindowGrid(*size, section.f, config.codec.window, config.codec.halo)
    m = section.num_codebooks
    noise = np.random.default_rng(0).integers(0, section.num_codewords, (*grid.tokens, m), np.int32)
    points = []
    for schedule in ("checkerboard", "checkerboard", "qlds(stages=6)"):  # the first one compiles
        order = CodingOrder(grid, m, m, schedule)
        points.append((order.stage_count, bits.encode(programs, order, noise).seconds))
    return points[1:]


def _picture_count(config) -> int:
    count = len(open_source(config.evaluation.source))
    return min(config.evaluation.images or count, count)
