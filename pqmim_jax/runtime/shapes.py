"""Do the programs that a manifest describes fit the config beside them?"""

from pqmim_jax.codec.program_set import AUTOENCODER_HALO, REFINEMENT_HALO, TOKENS_PER_BLOCK

UNCUT_ROLES = frozenset({"context", "head", "correct"})  # one program, not segments
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
    near, far = window + 2 * config["halo"], window + 2 * AUTOENCODER_HALO
    image, mask, rows = (far * f, far * f, 3), (far, far), TOKENS_PER_BLOCK
    middle = window + 2 * REFINEMENT_HALO
    picture = (middle * f, middle * f, 3)
    return {
        "encode": ([image, mask], [(window, window, latent)]),
        "decode": ([(far, far, latent), (), mask], [(window * f, window * f, 3)]),
        "context": ([(near, near, m)], [(window, window, width)]),
        "correct": (
            [(middle, middle, latent), (), picture, (middle, middle)],
            [(window, window, latent)],
        ),
        "head": ([(rows, width), (rows, m), ()], [(rows, k)]),
    }


def _ends(segments: list[dict]) -> tuple[dict, dict]:
    if not segments:
        raise ValueError("a program has no segments")
    return segments[0], segments[-1]


def _shapes(arrays: list[dict]) -> list[tuple]:
    return [tuple(array["shape"]) for array in arrays]
