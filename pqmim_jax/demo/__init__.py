"""The browser demo: a static page that decodes and makes `.pqm` files, and its local server."""

from pqmim_jax.demo.files import RUNTIME_FILES, WEB, DemoError, served_files
from pqmim_jax.demo.server import open_server

__all__ = ["RUNTIME_FILES", "WEB", "DemoError", "open_server", "served_files"]
