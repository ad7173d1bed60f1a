"""One folder for another runtime, with all that it needs to make and read files."""

from pathlib import Path

import numpy as np

from pqmim_jax import __version__, masking
from pqmim_jax.codec.program_cache import pinned_settings
from pqmim_jax.codec.program_set import OUTSIDE, autoencoder_halo, filter_halo
from pqmim_jax.codec.quantization import as_compared
from pqmim_jax.coding import LOGIT_FRACTION_BITS, MAX_FIXED_LOGIT, PRECISION, exp_table
from pqmim_jax.export.folder import check_target, write_folder
from pqmim_jax.model_store import StoredModel, compact
from pqmim_jax.runtime.manifest import KINDS

CODEBOOKS, COUNTS = "codebooks.bin", "codeword_counts.bin"
_OURS = {"pqmim": __version__}


def export_model(
    model: StoredModel,
    kind: str,
    folder: Path,
    *,
    overwrite: bool = False,
    verified: bool = True,
) -> None:
    """Writes an exported folder; it appears whole or not at all.

    Args:
      kind: one of `runtime.manifest.KINDS`.
      overwrite: replace the folder if it is an export.
      verified: run ONNX programs beside JAX before they are handed out.

    Raises:
      ValueError: unknown kind.
      UnsupportedOperationError: the model uses an operation that cannot be exported; named.
      ExportError: the folder exists, or an exported program differs from JAX.
      OSError: it cannot be written.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown export format {kind!r}; choices: {', '.join(KINDS)}")
    check_target(folder, overwrite=overwrite)
    with pinned_settings():
        content, files = _content(model, kind, verified)
    codebooks = np.ascontiguousarray(as_compared(model), "<f4")
    counts = compact(model.counts)
    manifest = {
        "kind": kind,
        "model": model.name,
        "fingerprint": f"{model.fingerprint:08x}",
        "decoder": f"{model.decoder:04x}",
        **content,
        "config": {**flat_config(model), **content.get("config", {})},
        "tables": table_rule(),
        "codeword_counts": _described(COUNTS, counts),
        "codebooks": _described(CODEBOOKS, codebooks),
    }
    files |= {CODEBOOKS: codebooks.tobytes(), COUNTS: counts.tobytes()}
    write_folder(folder, manifest, files, overwrite=overwrite)


def _described(file: str, array: np.ndarray) -> dict:
    return {"file": file, "dtype": array.dtype.str, "shape": list(array.shape)}


def _content(model: StoredModel, kind: str, verified: bool) -> tuple[dict, dict[str, bytes]]:
    """What is in a manifest of this kind only, and the files.

    Each kind needs packages of its own: they are imported here, when asked for.
    """
    if kind == "onnx":
        from pqmim_jax.export.onnx import onnx_export, onnx_versions

        programs, files = onnx_export(model, verified=verified)
        return {"versions": {**_OURS, **onnx_versions()}, "programs": programs}, files
    if kind == "stablehlo":
        from pqmim_jax.export.stablehlo import stablehlo_export, stablehlo_facts

        programs, files = stablehlo_export(model)
        facts = stablehlo_facts()
        versions = {**_OURS, "jax": facts.pop("jax")}
        return {"versions": versions, **facts, "programs": programs}, files
    from pqmim_jax.export.tensors import tensors_export, tensors_versions

    tensors, files = tensors_export(model)
    versions = {**_OURS, **tensors_versions()}
    sections = {name: model.config[name] for name in ("autoencoder", "mim")}
    return {"versions": versions, "config": sections, "tensors": tensors}, files


def flat_config(model: StoredModel) -> dict:
    """What of the model's config another runtime needs."""
    section, mim, codec = (model.config[name] for name in ("autoencoder", "mim", "codec"))
    return {
        "f": section["f"],
        "num_codebooks": section["num_codebooks"],
        "num_codewords": section["num_codewords"],
        "codeword_dim": section["codeword_dim"],
        "normalize_codes": section["normalize_codes"],
        "window": codec["window"],
        "halo": codec["halo"],
        "autoencoder_halo": autoencoder_halo(section),
        "filter_halo": filter_halo(section),
        "outside": OUTSIDE,
        "mim_width": mim["width"],
        "mim_dtype": "int8",
        "mim_knows_quality": "quality" in model.mim,
        "schedule": masking.canonical(codec["schedule"]),
        "rate_weights": codec["rate_weights"],
        "refinement_steps": codec.get("refinement_steps", 0),
        "curvature": codec.get("curvature", 1.0),
    }


def table_rule() -> dict:
    """Constants of the integer tables made of fixed logits (`coding.pmf`)."""
    return {
        "logit_fraction_bits": LOGIT_FRACTION_BITS,
        "max_fixed_logit": MAX_FIXED_LOGIT,
        "precision": PRECISION,
        "exp_table": exp_table().tolist(),
    }
