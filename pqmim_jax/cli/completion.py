"""`pqmim completion`: a script that lets the shell complete this command's words."""

import argparse

from pqmim_jax.cli import options

_EPILOG = """\
examples:
  pqmim completion bash > ~/.local/share/bash-completion/completions/pqmim
  pqmim completion zsh > ~/.zfunc/_pqmim       with ~/.zfunc in fpath
  eval "$(pqmim completion bash)"              in this shell only

The shell looks for these files when it starts; make the folder first if there is none.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "completion",
        run,
        summary="print a script that completes pqmim's words in a shell",
        epilog=_EPILOG,
    )
    parser.add_argument("shell", choices=("bash", "zsh"), help="shell that will run the script")


def run(args: argparse.Namespace) -> int:
    """Prints the script."""
    import shtab

    from pqmim_jax.cli.command_line import build_parser

    print(shtab.complete(build_parser(), args.shell))
    return 0
