"""`pqmim help`: manual pages, made of what the parsers know."""

import argparse
import re
import shutil
import sys
import textwrap

from pqmim_jax.cli import options

_EPILOG = """\
examples:
  pqmim help              all commands
  pqmim help compress     one command

On a terminal the page is shown by the pager that PAGER names.
"""
_EXIT_STATUS = """\
0    done
1    failed, for one file at least; stderr says why, a line for each
2    wrong usage
130  interrupted"""
_WIDEST = 90  # columns


def add_parser(subparsers) -> None:
    """Adds the command; to be called after all others, whose names it must know."""
    parser = options.add_command(
        subparsers, "help", run, summary="show the manual of a command", epilog=_EPILOG
    )
    names = [*subparsers.choices]
    parser.add_argument(
        "command", metavar="COMMAND", nargs="?", choices=names, help=f"one of {', '.join(names)}"
    )
    parser.set_defaults(parsers=subparsers.choices)


def run(args: argparse.Namespace) -> int:
    """Shows the page of a command, or of `pqmim` itself."""
    import pydoc

    from pqmim_jax.cli.command_line import build_parser

    page = page_of(args.parsers[args.command] if args.command else build_parser())
    if sys.stdout.isatty():
        pydoc.pager(page)
    else:
        print(page, end="")
    return 0


def page_of(parser: argparse.ArgumentParser) -> str:
    """NAME, SYNOPSIS, DESCRIPTION, what the arguments are, EXAMPLES and EXIT STATUS."""
    width = min(shutil.get_terminal_size().columns - 2, _WIDEST)
    usage, *arguments = _sections_of_help(parser, width - 4)
    examples, _, details = parser.epilog.partition("\n\n")
    summary = parser.description.rstrip(".")
    description = f"{parser.description}\n\n{details}".strip()
    sections = [
        ("name", f"{parser.prog.replace(' ', '-')} - {summary[0].lower()}{summary[1:]}"),
        ("synopsis", usage.removeprefix("usage: ").replace("\n" + " " * len("usage: "), "\n")),
        ("description", description),
        *(tuple(section.split(":\n", 1)) for section in arguments),
        ("examples", textwrap.dedent(examples.split("\n", 1)[1])),
        ("exit status", _EXIT_STATUS),
    ]
    return "\n".join(
        f"{name.upper()}\n{textwrap.indent(textwrap.dedent(text).strip(), '    ')}\n"
        for name, text in sections
    )


def _sections_of_help(parser: argparse.ArgumentParser, width: int) -> list[str]:
    """Usage, and "heading:\\n text" of each group of arguments, in lines of at most `width`."""
    bare = argparse.ArgumentParser(
        prog=parser.prog,
        usage=parser.usage,
        parents=[parser],
        add_help=False,
        conflict_handler="resolve",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, 4, 8, width),
    )
    return [section for section in re.split(r"\n\n(?=\S)", bare.format_help()) if section.strip()]
