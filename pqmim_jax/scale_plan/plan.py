"""Compiling a stage's real train step for a slice, and what the compiler says of it."""

import importlib.util
import time
from dataclasses import asdict, dataclass
from typing import Any

import jax
from jax.experimental import topologies

from pqmim_jax.scale_plan.chips import EXAMPLES, Slice, parse_topology
from pqmim_jax.scale_plan.collectives import Collective, bytes_sent, parse_collectives
from pqmim_jax.scale_plan.errors import MissingLibtpu, PlanError
from pqmim_jax.scale_plan.roofline import Roofline, roofline
from pqmim_jax.training.mim_stage import mim_stage
from pqmim_jax.training.perceptual_stage import perceptual_stage
from pqmim_jax.training.pqvae_stage import pqvae_stage
from pqmim_jax.training.sharding import build_mesh
from pqmim_jax.training.stage import Stage, layout_of, lower_step


@dataclass(frozen=True)
class Memory:
    """Bytes on one chip while the step runs."""

    arguments: int
    outputs: int  # without those that take the place of donated arguments
    temporaries: int
    code: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.arguments + self.outputs + self.temporaries + self.code


@dataclass(frozen=True)
class Plan:
    """What one train step needs and takes; figures of one chip unless said otherwise."""

    where: Slice
    stage: str
    batch_size: int  # global
    passes: int  # of gradient accumulation
    mesh: dict[str, int]
    memory: Memory
    flops: float
    bytes_accessed: float
    collectives: list[Collective]
    compile_s: float  # on this machine

    @property
    def fits(self) -> bool:
        """Whether the chip has the memory."""
        return self.memory.total <= self.where.chip.hbm_bytes

    @property
    def roofline(self) -> Roofline:
        """Lower bound of the step's time, by XLA's counts."""
        sent = bytes_sent(self.collectives)
        return roofline(self.flops, self.bytes_accessed, sent, self.where)

    @property
    def images_per_s(self) -> float:
        """Of the whole slice, at the roofline."""
        return self.batch_size / self.roofline.step_s

    def to_json(self) -> dict[str, Any]:
        """All fields, with what follows from them."""
        line = self.roofline
        derived = {
            "topology": self.where.name,
            "chips": self.where.chips,
            "fits": self.fits,
            "memory_total": self.memory.total,
            "step_s": line.step_s,
            "bound": line.bound,
            "mfu": line.mfu,
            "images_per_s": self.images_per_s,
        }
        return {**asdict(self), "roofline": asdict(line), **derived}


def tpu_devices(where: Slice) -> list[jax.Device]:
    """Devices to compile for, one a chip; `environment.prepare` must have been called.

    Raises:
      PlanError: libtpu is missing (`MissingLibtpu`), or knows no such slice.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise MissingLibtpu
    # Without this libtpu takes the two cores of a v4 chip for devices of their own.
    options = {"chip_config_name": "megacore"} if where.chip.name == "v4" else {}
    try:
        topology = topologies.get_topology_desc(platform="tpu", topology_name=where.name, **options)
    except jax.errors.JaxRuntimeError as error:
        raise PlanError(
            f"libtpu knows no topology {where.name!r}: {first_line(error)}; examples: {EXAMPLES}"
        ) from error
    return list(topology.devices)


def build_stage(config, name: str) -> Stage:
    """Stage `name` of a config; a trained autoencoder has the shape that the config gives."""
    if name == "pqvae":
        return pqvae_stage(config)
    if name == "perceptual":
        return perceptual_stage(config)
    return mim_stage(config, config.autoencoder)


def make_plan(config, stage_name: str, topology: str) -> Plan:
    """Compiles the train step of a stage for a topology such as "v5e:4x4".

    Raises:
      PlanError: no libtpu, no such topology, or XLA cannot compile the step for it, for instance
        because it does not fit.
      ConfigError, ValueError: the config makes no sense, on such a mesh.
    """
    where = parse_topology(topology)
    mesh = build_mesh(config.mesh, tpu_devices(where))
    stage = build_stage(config, stage_name)
    began = time.monotonic()
    lowered = lower_step(stage, layout_of(stage, mesh, config.sharding_rules))
    try:
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        raise PlanError(_failure(error)) from error
    seconds = time.monotonic() - began
    cost = compiled.cost_analysis()
    return Plan(
        where=where,
        stage=stage_name,
        batch_size=stage.batch_size,
        passes=stage.passes,
        mesh=dict(mesh.shape),
        memory=_memory(compiled.memory_analysis()),
        flops=cost["flops"] * stage.passes,
        bytes_accessed=cost["bytes accessed"] * stage.passes,
        collectives=parse_collectives(_text_of(compiled), stage.passes),
        compile_s=seconds,
    )


def _text_of(compiled) -> str:
    """The compiled program, for its collectives.

    Raises:
      PlanError: a libtpu newer than JAX has compiled it to something that JAX cannot read.
    """
    try:
        return compiled.as_text()
    except jax.errors.JaxRuntimeError as error:
        raise PlanError(
            "JAX cannot read what libtpu has compiled, their versions do not match: "
            "pip install --upgrade 'pqmim-jax[plan]' in a new virtual environment"
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).strip().partition("\n")[0]


def _failure(error: Exception) -> str:
    exhausted = "RESOURCE_EXHAUSTED" in str(error)
    return f"{'does not fit' if exhausted else 'does not compile'}: {first_line(error)}"


def _memory(stats) -> Memory:
    return Memory(
        arguments=stats.argument_size_in_bytes,
        outputs=stats.output_size_in_bytes - stats.alias_size_in_bytes,
        temporaries=stats.temp_size_in_bytes,
        code=stats.generated_code_size_in_bytes,
    )
