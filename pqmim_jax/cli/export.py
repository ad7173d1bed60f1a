"""`pqmim export`: a model for other runtimes."""

import argparse
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.runtime.manifest import KINDS

_EPILOG = """\
examples:
  pqmim export small --format onnx -o small-onnx
  pqmim decompress photo.pqm --model small-onnx
  pqmim export WORKDIR --format safetensors -o weights

onnx         programs for ONNX Runtime; with them this command works without JAX, on the same files
stablehlo    the same programs, for batches of any size, as jax.export artefacts for cpu, cuda and
             tpu
safetensors  plain named tensors, for PyTorch and others

The folder is complete: no paths, no pickles; manifest.json describes and hashes each file. ONNX
programs are compared with JAX before the folder appears.
Needs two more packages for onnx: pip install "pqmim-jax[export]"
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers, "export", run, summary="write a model for other runtimes", epilog=_EPILOG
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a packaged model's name, a model folder or a training workdir",
    ).complete = "file"
    parser.add_argument(
        "--format", required=True, choices=KINDS, help="what to write, see below", dest="kind"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="FOLDER", help="folder to make"
    ).complete = "file"
    options.add_force(parser)
    options.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Exports one model."""
    from pqmim_jax.export import export_model
    from pqmim_jax.model_store import load_model

    model, folder = load_model(args.model), Path(args.output)
    export_model(model, args.kind, folder, overwrite=args.force)
    if not args.quiet:
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{args.model} -> {folder}  {size / 1e6:.1f} MB")
    return 0
