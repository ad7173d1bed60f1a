"""What the demo's server hands out, and what it does not."""

import json
import socket
import threading
from http.client import HTTPConnection

import pytest

from pqmim_jax.demo import RUNTIME_FILES, WEB, DemoError, open_server, served_files


@pytest.fixture
def folders(tmp_path):
    """An exported model and a runtime, both of a few bytes, and a secret beside them."""
    model, runtime = tmp_path / "model", tmp_path / "runtime"
    model.mkdir()
    runtime.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (model / "private.txt").write_text("secret")
    (model / "head.onnx").write_bytes(b"\x08\x01")
    (model / "manifest.json").write_text(json.dumps({"kind": "onnx", "files": {"head.onnx": {}}}))
    for name in RUNTIME_FILES:
        (runtime / name).write_bytes(b"runtime")
    return model, runtime


@pytest.fixture
def address(folders):
    server = open_server(served_files(*folders), port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(address, path, method="GET"):
    connection = HTTPConnection(*address, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize(
    ("path", "mime_type"),
    [
        ("/", "text/html"),
        ("/index.html", "text/html"),
        ("/page/app.js", "text/javascript"),
        ("/codec/codec.js?x=1", "text/javascript"),
        ("/page/style.css", "text/css"),
        ("/model/manifest.json", "application/json"),
        ("/model/head.onnx", "application/octet-stream"),
        ("/runtime/ort.wasm.min.mjs", "text/javascript"),
        ("/runtime/ort-wasm-simd-threaded.wasm", "application/wasm"),
    ],
)
def test_files_have_their_types(address, path, mime_type):
    answer, body = fetch(address, path)
    assert answer.status == 200 and body
    assert answer.headers["Content-Type"].partition(";")[0] == mime_type
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    head, nothing = fetch(address, path, "HEAD")
    assert nothing == b"" and head.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../secret.txt",
        "/model/../../secret.txt",
        "/model/%2e%2e/%2e%2e/secret.txt",
        "/model/..%2f..%2fsecret.txt",
        "/model/private.txt",
        "//etc/passwd",
        "/etc/passwd",
        "/page",
        "/model/",
        "/../server.py",
        "/package.json",
        "/.npmrc",
        "/model/head.onnx/",
        "/model\\head.onnx",
        "/%00",
    ],
)
def test_nothing_else_can_be_reached(address, path):
    answer, body = fetch(address, path)
    assert answer.status == 404 and b"secret" not in body and b"root" not in body


def test_nothing_can_be_sent(address):
    assert fetch(address, "/", "POST")[0].status == 501


def test_every_script_that_the_page_names_is_served(folders):
    files = served_files(*folders)
    for path in WEB.rglob("*.js"):
        if "node_modules" not in path.parts:
            assert f"/{path.relative_to(WEB).as_posix()}" in files


def test_a_port_in_use_is_one_clear_error(folders):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoError, match=rf"cannot listen on 127.0.0.1:{port}: .*--port"):
            open_server(served_files(*folders), port=port)
    with pytest.raises(DemoError, match="cannot listen"):
        open_server({}, port=65536)


def test_without_a_runtime_the_command_to_run_is_named(folders, monkeypatch, tmp_path):
    model, runtime = folders
    monkeypatch.setattr("pqmim_jax.demo.files.RUNTIME", tmp_path / "none")
    with pytest.raises(DemoError, match=r"run: npm ci --prefix .*web$"):
        served_files(model)
    (runtime / RUNTIME_FILES[0]).unlink()
    with pytest.raises(DemoError, match="not the dist/ of onnxruntime-web"):
        served_files(model, runtime)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "pqmim export small --format onnx -o"),
        ("{", "not the manifest"),
        ("[]", "not the manifest"),
        ('{"kind": "onnx"}', "not the manifest"),
        ('{"kind": "stablehlo", "files": {}}', "needs --format onnx"),
        ('{"kind": "onnx", "files": {"../secret.txt": {}}}', "no file beside it"),
        ('{"kind": "onnx", "files": {"gone.onnx": {}}}', "no file beside it"),
    ],
)
def test_a_folder_that_is_no_model_is_one_clear_error(folders, manifest, message):
    model, runtime = folders
    (model / "manifest.json").unlink()
    if manifest is not None:
        (model / "manifest.json").write_text(manifest)
    with pytest.raises(DemoError, match=message) as raised:
        served_files(model, runtime)
    assert "\n" not in str(raised.value)


def test_command_says_in_one_line_what_is_missing(tmp_path, capsys):
    from pqmim_jax.cli import main

    assert main(["serve-demo", "--model", str(tmp_path), "--web-runtime", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("pqmim: error: ") and error.count("\n") == 1
