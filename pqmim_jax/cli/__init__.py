"""The `pqmim` command. Importing it costs next to nothing: commands import what they need."""

from pqmim_jax.cli.command_line import main

__all__ = ["main"]
