"""`pqmim serve-demo`: the codec in a browser, on this machine."""

import argparse
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError

_EPILOG = """\
examples:
  pqmim export small --format onnx -o small-onnx
  pqmim serve-demo --model small-onnx

The page shows .pqm files stage by stage and makes them of photos. Everything runs in the browser:
nothing leaves this machine, and no network is needed. The browser's runtime of ONNX programs is
fetched once, by the npm command that the first start names.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "serve-demo",
        run,
        summary="serve a page that decodes and makes .pqm files in the browser",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--model",
        metavar="DIR",
        type=Path,
        default=Path("small-onnx"),
        help="folder that `pqmim export --format onnx` wrote (default: %(default)s)",
    ).complete = "directory"
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port (default: 8000; 0 takes any)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument(
        "--web-runtime",
        metavar="DIR",
        type=Path,
        help="dist/ folder of onnxruntime-web (default: where npm ci puts it)",
    ).complete = "directory"


def run(args: argparse.Namespace) -> int:
    """Serves until interrupted."""
    from pqmim_jax.demo import DemoError, open_server, served_files

    try:
        server = open_server(
            served_files(args.model, args.web_runtime), host=args.host, port=args.port
        )
    except DemoError as error:
        raise CommandError(str(error)) from error
    with server:
        print(f"http://{args.host}:{server.server_address[1]}/  (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0
