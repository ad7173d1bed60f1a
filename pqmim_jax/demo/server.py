"""A web server for a fixed list of files."""

from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pqmim_jax.demo.files import DemoError

_MIME_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
_HEADERS = {
    # Both are needed for threads: a page gets shared memory only if it is alone in its process.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The page needs nothing from elsewhere, and sends nothing there.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' blob: data:; connect-src 'self' blob:; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def open_server(
    files: Mapping[str, Path], *, host: str = "127.0.0.1", port: int = 8000
) -> ThreadingHTTPServer:
    """A server that listens; `serve_forever()` makes it answer.

    Args:
        files: what may be fetched, by the path of its address; everything else is 404.
        host: address to listen on.
        port: 0 takes a free one; `server_address[1]` of the result says which.

    Raises:
        DemoError: it cannot listen there, for instance because the port is in use.
    """
    handler = type("DemoHandler", (_Handler,), {"files": dict(files)})
    try:
        return _Server((host, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DemoError(f"cannot listen on {host}:{port}: {reason} (try another --port)") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that closes its connection early is no news."""


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the paths in `files`."""

    files: Mapping[str, Path] = {}
    protocol_version = "HTTP/1.1"
    server_version = "pqmim"
    sys_version = ""
    timeout = 60

    def do_GET(self):
        """A file's bytes."""
        self._answer(with_body=True)

    def do_HEAD(self):
        """A file's headers."""
        self._answer(with_body=False)

    def log_message(self, format, *args):
        """Nothing: the page says itself what goes wrong."""

    def _answer(self, *, with_body: bool) -> None:
        # The decoded path is only ever looked up, never joined to a folder: `..` leads nowhere.
        path = self.files.get(unquote(urlsplit(self.path).path))
        try:
            body = path.read_bytes() if path else b"not found\n"
            status = HTTPStatus.OK if path else HTTPStatus.NOT_FOUND
        except OSError:
            body, status = b"the file is gone\n", HTTPStatus.NOT_FOUND
        suffix = path.suffix if path and status == HTTPStatus.OK else None
        self.send_response(status)
        self.send_header("Content-Type", _mime_type(suffix))
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _mime_type(suffix: str | None) -> str:
    if suffix is None:
        return "text/plain; charset=utf-8"
    return _MIME_TYPES.get(suffix, "application/octet-stream")
