"""The programs of a model as every export names and cuts them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.export
import numpy as np

from pqmim_jax.codec.networks import Network, Networks
from pqmim_jax.codec.program_set import TOKENS_PER_BLOCK
from pqmim_jax.codec.segments import cut_into_segments
from pqmim_jax.coding import MAX_FIXED_LOGIT
from pqmim_jax.runtime.shapes import DIMENSIONS, UNCUT_ROLES


@dataclass(frozen=True)
class ExportedProgram:
    """One function to be written down: function(params, *inputs) -> (outputs...)."""

    name: str  # of its file, without suffix
    function: Callable
    params: dict
    inputs: dict[str, jax.ShapeDtypeStruct]  # by name, in order
    outputs: dict[str, jax.ShapeDtypeStruct]
    network: Network  # that it is, or is a part of


Programs = dict[str, list[ExportedProgram]]


def region_programs(networks: Networks, shape: tuple) -> Programs:
    """Programs of the autoencoder for regions of a shape, by role, some in segments.

    "correct" is there only for models that refine their latents.

    Args:
      shape: rows and columns, perhaps symbolic.
    """
    programs = {
        "encode": list(_segments("encode", networks.encode(shape), "latents")),
        "decode": list(_segments("decode", networks.decode(shape), "unfiltered")),
        "filter": [_whole("filter", networks.filter(shape), "pixels")],
    }
    if networks.refines:
        programs["correct"] = [_whole("correct", networks.correct(shape), "change")]
    return programs


def context_program(networks: Networks) -> Programs:
    """The MIM's program for a window, by its role."""
    return {"context": [_whole("context", networks.context, "context")]}


def head_program(networks: Networks, tokens: int = TOKENS_PER_BLOCK) -> Programs:
    """The MIM's program for so many tokens, perhaps symbolic, by its role."""
    network = networks.head_to_fixed_logits(tokens)
    return {"head": [_whole("head", network, "fixed_logits")]}


def any_shape() -> tuple:
    """Symbolic rows and columns of a region."""
    return jax.export.symbolic_shape(", ".join(DIMENSIONS))


def sizes(array: jax.ShapeDtypeStruct) -> list[int | str]:
    """Its shape, symbolic sizes as text."""
    return [size if isinstance(size, int) else str(size) for size in array.shape]


def describe(
    programs: Programs,
    networks: Networks,
    suffix: str,
    leading: tuple[str, ...] = (),
) -> dict[str, dict | list[dict]]:
    """Manifest section "programs": lists of segments, or the one program of a role.

    Args:
      suffix: of the programs' files.
      leading: names of dimensions of any size that every input and output has in front.
    """
    limits = _ranges(networks)

    def arrays(shapes: dict) -> list[dict]:
        return [
            {
                "name": name,
                "shape": [*leading, *sizes(array)],
                "dtype": np.dtype(array.dtype).name,
                "range": limits.get(name),
            }
            for name, array in shapes.items()
        ]

    def one(program: ExportedProgram) -> dict:
        inputs, outputs = arrays(program.inputs), arrays(program.outputs)
        return {"file": program.name + suffix, "inputs": inputs, "outputs": outputs}

    described = {role: list(map(one, segments)) for role, segments in programs.items()}
    return described | {role: described[role][0] for role in described.keys() & UNCUT_ROLES}


def _ranges(networks: Networks) -> dict[str, list[int]]:
    """Least and largest value of inputs and outputs that have such, by name."""
    indices = [-1, networks.num_codewords - 1]
    return {
        "image": [0, 255],
        "pixels": [0, 255],
        "mask": [0, 1],
        "quality": [1, networks.num_codebooks],
        "visible": indices,
        "known": indices,
        "m": [0, networks.num_codebooks - 1],
        "fixed_logits": [-MAX_FIXED_LOGIT, MAX_FIXED_LOGIT],
    }


def _whole(name: str, network: Network, output: str) -> ExportedProgram:
    def function(params, *inputs):
        return (network.function(params, *inputs),)

    (out,) = jax.eval_shape(function, network.params, *network.inputs.values())
    return ExportedProgram(name, function, network.params, network.inputs, {output: out}, network)


def _segments(name: str, network: Network, output: str) -> Iterator[ExportedProgram]:
    inputs = network.inputs
    functions = cut_into_segments(network.function, network.params, *inputs.values())
    for i, function in enumerate(functions):
        results = jax.eval_shape(function, network.params, *inputs.values())
        last = i == len(functions) - 1
        count = len(results) - 1
        names = [output] if last else ["sums", *(f"next_state_{n}" for n in range(count))]
        outputs = dict(zip(names, results, strict=True))
        yield ExportedProgram(f"{name}-{i}", function, network.params, inputs, outputs, network)
        names = ["total", *(f"state_{n}" for n in range(count))]
        inputs = dict(zip(names, results, strict=True))
