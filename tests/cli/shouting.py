"""A command on many files that takes no time: it makes `.out` files, in capitals, of texts."""

import argparse

from pqmim_jax.cli import files
from pqmim_jax.cli.errors import CommandError


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    files.add_files(parser, "texts", ".out")
    return parser.parse_args([str(argument) for argument in arguments])


def convert(source):
    with source.open() as file:
        data = file.read()
    if data.startswith(b"bad"):
        raise CommandError(f"{source}: is bad")
    return files.Converted(data.upper(), f"{len(data)} bytes")


def shout(*arguments):
    """A command that makes `.out` files, in capitals, of `.txt` and `.text` files."""
    args = parsed(*arguments)
    return files.convert_all(
        files.plan(args, reads={".txt", ".text"}, writes=".out"), convert, args
    )


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
