"""Do the programs that a manifest describes fit the config beside them?"""

import math

import numpy as np

# Of a region, or of a list of tokens: sizes that are not numbers are products of these.
DIMENSIONS = ("rows", "cols")
UNCUT_ROLES = frozenset({"context", "head", "filter", "correct"})  # one program, not segments
OPTIONAL_ROLES = frozenset({"correct"})


def check_shapes(programs: dict, config: dict) -> None:
    """Compares what goes into and comes out of each role with `codec.program_set.ProgramSet`.

    Args:
      programs, config: sections of a manifest.

    Raises:
      ValueError: a role's arrays have other shapes.
      KeyError, TypeError: a section is damaged.
    """
    for role, (inputs, outputs) in _expected(config).items():
        if role in OPTIONAL_ROLES and role not in programs:
            continue
        segments = programs[role]
        first, last = (segments, segments) if role in UNCUT_ROLES else _ends(segments)
        if _shapes(first["inputs"]) != inputs or _shapes(last["outputs"]) != outputs:
            raise ValueError(f"program {role!r} is not of the shapes that its config asks for")


def _expected(config: dict) -> dict[str, tuple[list[tuple], list[tuple]]]:
    f, m, k, window = (config[n] for n in ("f", "num_codebooks", "num_codewords", "window"))
    latent, width = m * config["codeword_dim"], config["mim_width"]
    region, near = DIMENSIONS, window + 2 * config["halo"]
    pixels = (*(f"{f}*{each}" for each in region), 3)
    codes = (*region, latent)
    told = [()] if config["mim_knows_quality"] else []
    return {
        "encode": ([pixels, region], [codes]),
        "decode": ([codes, (), region], [pixels]),
        "filter": ([pixels, ()], [pixels]),
        "correct": ([codes, (), pixels, region], [codes]),
        "context": ([(near, near, m), *told], [(window, window, width)]),
        "head": ([("rows", width), ("rows", m), ()], [("rows", k)]),
    }


def output_bytes(description: dict, shape: tuple[int, int]) -> int:
    """Bytes of all outputs of a program for a region of `shape`; ValueError if it has others."""
    known = dict(zip(DIMENSIONS, shape, strict=True))

    def size(dimension: int | str) -> int:
        factors = str(dimension).split("*")
        return math.prod(known[each] if each in known else int(each) for each in factors)

    return sum(
        math.prod(map(size, each["shape"])) * np.dtype(each["dtype"]).itemsize
        for each in description["outputs"]
    )


def _ends(segments: list[dict]) -> tuple[dict, dict]:
    if not segments:
        raise ValueError("a program has no segments")
    return segments[0], segments[-1]


def _shapes(arrays: list[dict]) -> list[tuple]:
    return [tuple(array["shape"]) for array in arrays]
