"""The demo in a real browser: the packaged model's export decodes and makes real files.

Needs an exported model: PQMIM_DEMO_MODEL names its folder, else it is exported here if the
package can do that.
"""

import base64
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from chromium import NAMES, Chromium, find_chromium
from PIL import Image

from pqmim_jax.demo import DemoError, open_server, served_files

OTTERS = Path(__file__).parents[1] / "pictures" / "otters.webp"
LAPTOP, PHONE = 1280, 390
SECONDS = 240  # on a busy machine; three seconds on an idle one
FINISHED = "['done', 'error'].includes(document.body.dataset.state)"
BASE64 = """(bytes => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
})"""
CANVAS = f"""(() => {{
  const canvas = document.getElementById('decoded');
  const {{ width, height }} = canvas;
  const {{ data }} = canvas.getContext('2d').getImageData(0, 0, width, height);
  return [width, height, {BASE64}(data)];
}})()"""
SAVED = f"""(async () => {{
  const answer = await fetch(document.getElementById('save-pqm').href);
  return {BASE64}(new Uint8Array(await answer.arrayBuffer()));
}})()"""


@pytest.fixture(scope="module")
def codec():
    """The packaged model, which the page uses too: not the tiny one of the other tests."""
    from pqmim_jax import Codec

    return Codec.load()


@pytest.fixture(scope="module")
def exported(codec, tmp_path_factory):
    named = os.environ.get("PQMIM_DEMO_MODEL")
    if named is not None:
        return Path(named)
    export = pytest.importorskip("pqmim_jax.export", reason="needs pqmim_jax.export and onnx")
    folder = tmp_path_factory.mktemp("exported") / "small"
    export.export_model(codec.model, "onnx", folder)
    return folder


@pytest.fixture(scope="module")
def address(exported):
    try:
        server = open_server(served_files(exported), port=0)
    except DemoError as error:
        if "npm ci" not in str(error):
            raise
        pytest.skip(str(error))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page(address, tmp_path_factory):
    if find_chromium() is None:
        pytest.skip(f"no browser found: none of {', '.join(NAMES)} is on PATH")
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.open(address, LAPTOP)
        browser.wait_for("['ready', 'error'].includes(document.body.dataset.state)", SECONDS)
        assert text(browser, "error") == ""
        yield browser


@pytest.fixture(scope="module")
def picture():
    return np.asarray(Image.open(OTTERS).convert("RGB"))[:140, :120]


def text(page, element):
    return page.run(f"document.getElementById({json.dumps(element)}).textContent")


def give(page, path):
    """Drops a file and waits until the page is through with it: "done" or "error"."""
    page.run("document.body.dataset.state = 'waiting'")
    page.give_file("#file", path)
    page.wait_for(FINISHED, SECONDS)
    return page.run("document.body.dataset.state")


def shown(page):
    """The decoded picture, (H, W, 4) uint8."""
    width, height, data = page.run(CANVAS)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def largest_difference(a, b):
    return int(np.abs(a.astype(int) - b).max())


def test_the_page_has_threads(page):
    assert page.run("crossOriginIsolated")


def test_a_file_is_shown_as_python_decodes_it(page, codec, picture, tmp_path):
    path = tmp_path / "otters.pqm"
    path.write_bytes(codec.compress(picture))
    assert give(page, path) == "done"
    assert largest_difference(shown(page)[..., :3], codec.decompress(path.read_bytes())) <= 2
    # Stage by stage: what each took, and a picture after the first.
    stages = len(codec.info(path.read_bytes()).stage_bits)
    assert page.run("document.querySelectorAll('#stages button:enabled').length") == stages
    whole = shown(page)
    page.click("#stages li:first-child button")
    assert "after 1 of" in text(page, "caption")
    assert largest_difference(shown(page), whole) > 20
    assert page.run("document.documentElement.scrollWidth") <= LAPTOP


def test_alpha_and_grey_and_imagined_stages(page, codec, picture, tmp_path):
    alpha = np.where(np.indices(picture.shape[:2]).sum(axis=0) % 60 < 30, 255, 0).astype(np.uint8)
    image = np.dstack([picture[..., 0], alpha])
    data = codec.compress(image, stages=2, shrink=2)
    path = tmp_path / "half.pqm"
    path.write_bytes(data)
    assert give(page, path) == "done"
    found, expected = shown(page), codec.decompress(data)
    assert np.array_equal(found[..., 3], alpha)
    opaque = alpha == 255  # a canvas forgets the colour of what nobody sees
    assert largest_difference(found[opaque][:, 0], expected[opaque][:, 0]) <= 2
    assert "imagined" in text(page, "facts")


def test_a_photo_becomes_a_file_that_python_decodes(page, codec, picture, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(picture).save(path)
    assert give(page, path) == "done"
    data = base64.b64decode(page.run(SAVED))
    decoded = codec.decompress(data)
    assert largest_difference(shown(page)[..., :3], decoded) <= 2
    # The same choices as Python's own: as good, and as large.
    own = codec.compress(picture)
    assert abs(len(data) - len(own)) <= 0.01 * len(own)
    assert "smaller than photo.png" in text(page, "comparison")
    assert f"PSNR {_psnr(decoded, picture):.1f}" in text(page, "caption")


def _psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_a_newer_file_takes_the_place_of_the_one_at_work(page, codec, picture, tmp_path):
    older, newer = tmp_path / "older.png", tmp_path / "newer.pqm"
    Image.fromarray(picture).save(older)
    newer.write_bytes(codec.compress(picture[:32, :48]))
    page.give_file("#file", older)
    page.wait_for("document.body.dataset.state === 'working'")
    assert give(page, newer) == "done"
    assert shown(page).shape[:2] == (32, 48)
    assert "newer.pqm" in text(page, "comparison")


def test_what_is_wrong_is_said_and_no_picture_shown(page, codec, picture, tmp_path):
    data = codec.compress(picture[:40, :40])
    damaged = bytearray(data)
    damaged[-3] ^= 16
    wrong_model = data[:4] + bytes([data[4] ^ 1]) + data[5:]
    for name, content, message in (
        ("damaged.pqm", bytes(damaged), "damaged|left|initial state|cut short"),
        ("cut.pqm", data[:-5], "cut short|too few|state"),
        ("other.pqm", wrong_model, "another model"),
        ("none.pqm", b"GIF89a", "not a .pqm file"),
        ("none.png", b"nothing", "neither a .pqm file nor a picture"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert give(page, path) == "error"
        assert page.run(f"/{message}/i.test(document.getElementById('error').textContent)"), name
        assert page.run("document.getElementById('result').hidden")


def test_the_page_fits_a_phone(page, address):
    page.open(address, PHONE)
    page.wait_for("document.body.dataset.state === 'ready'", SECONDS)
    assert page.run("document.documentElement.scrollWidth") <= PHONE
