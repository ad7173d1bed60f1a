"""`pqmim models`: the models that come with the package."""

import argparse

from pqmim_jax.cli import options

_EPILOG = """\
example:
  pqmim models

A file names its model by the fingerprint, and the decoder that it was made for. Models of one
fingerprint read each other's files, each with its own decoder. The default model is marked with *.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    options.add_command(
        subparsers, "models", run, summary="list the packaged models", epilog=_EPILOG
    )


def run(args: argparse.Namespace) -> int:
    """Prints a line for each packaged model."""
    from pqmim_jax.model_store import packaged_names

    del args
    names = packaged_names()
    if not names:
        print("no packaged models")
        return 0
    print(
        f"  {'name':<16} {'fingerprint':<11} {'decoder':<7} {'qualities':>9} {'f':>3} {'size':>9}"
    )
    for name in names:
        print(_line(name))
    return 0


def _line(name: str) -> str:
    from pqmim_jax.model_store import DEFAULT, load_model, model_path

    model = load_model(name)
    size = sum(file.stat().st_size for file in model_path(name).rglob("*") if file.is_file())
    section = model.config["autoencoder"]
    mark = "*" if name == DEFAULT else " "
    return (
        f"{mark} {name:<16} {model.fingerprint:08x}    {model.decoder:04x}    "
        f"{section['num_codebooks']:>9} {section['f']:>3} {size / 1e6:>6.1f} MB"
    )
