"""Which files the demo consists of, and under which addresses they are served."""

import json
from pathlib import Path
from shlex import quote

WEB = Path(__file__).parent / "web"
"""The page itself."""

RUNTIME = WEB / "node_modules" / "onnxruntime-web" / "dist"
"""Where `npm ci` in `WEB` puts onnxruntime-web. It is 14 MB of WebAssembly, larger than this
package, so it does not come with it; package-lock.json pins its version and its hash."""

RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
"""What the page loads of onnxruntime-web: the build for the CPU, with threads."""

MANIFEST = "manifest.json"
_PAGE_SUFFIXES = {".html", ".css", ".js", ".svg"}


class DemoError(ValueError):
    """The demo cannot be served: something that it consists of is not there."""


def served_files(model: Path, runtime: Path | None = None) -> dict[str, Path]:
    """Every file that may be fetched, by the path of its address. Nothing else can be reached.

    Args:
        model: folder that `pqmim export --format onnx` wrote.
        runtime: folder with RUNTIME_FILES; None is where `npm ci` puts them.

    Raises:
        DemoError: a file is missing; the message says how to get it.
    """
    page = {
        f"/{path.relative_to(WEB).as_posix()}": path
        for path in sorted(WEB.rglob("*"))
        if path.suffix in _PAGE_SUFFIXES and "node_modules" not in path.parts
    }
    files = page | {"/": WEB / "index.html"}
    files |= {f"/runtime/{name}": path for name, path in _runtime_files(runtime).items()}
    files |= {f"/model/{name}": path for name, path in _model_files(model).items()}
    return files


def _runtime_files(folder: Path | None) -> dict[str, Path]:
    files = {name: (folder or RUNTIME) / name for name in RUNTIME_FILES}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing and folder is not None:
        raise DemoError(f"{folder} has no {missing[0]}: it is not the dist/ of onnxruntime-web")
    if missing:
        raise DemoError(f"onnxruntime-web is not installed, run: npm ci --prefix {quote(str(WEB))}")
    return files


def _model_files(folder: Path) -> dict[str, Path]:
    """The manifest, and the files that it names, if they lie in the folder itself."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        kind, names = manifest["kind"], [*manifest["files"]]
    except FileNotFoundError:
        raise DemoError(
            f"{folder} is no exported model, make one: pqmim export small --format onnx -o {folder}"
        ) from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DemoError(f"{path} is not the manifest of an exported model: {error}") from None
    if kind != "onnx":
        raise DemoError(f"{folder} holds {kind} programs, the demo needs --format onnx")
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise DemoError(f"{path} names {name!r}, which is no file beside it")
    return {name: folder / name for name in (MANIFEST, *names)}
