"""tools/check_portability.py: files go both ways, logits agree, and disagreement is seen."""

import numpy as np
import pytest
from check_portability import main
from PIL import Image
from portability import exchange

from pqmim_jax.runtime import load_codec


@pytest.fixture
def check(tiny_model, onnx_folder, tmp_path):
    pixels = np.random.default_rng(7).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    common = [str(tmp_path), "--model", str(tiny_model), "--export", str(onnx_folder)]
    return lambda *options: main([*common, "--qualities", "4", *options])


def last_row(capsys):
    return [int(each) for each in capsys.readouterr().out.splitlines()[-1].split()]


def test_files_and_logits_agree(check, capsys):
    assert check() == 0
    assert last_row(capsys)[:4] == [4, 2, 0, 0]
    assert check("--logits") == 0
    tokens, m, k = 3 * 4, 4, 16
    assert last_row(capsys)[6:8] == [tokens * m * k, 0]


def test_one_logit_and_one_index_are_noticed(check, capsys, monkeypatch):
    head = exchange.onnx_head

    def off_by_one(folder):
        def run(context, known, m):
            logits = head(folder)(context, known, m).copy()
            logits[0, 0] += m == 2
            return logits

        return run

    monkeypatch.setattr(exchange, "onnx_head", off_by_one)
    assert check("--logits") == 1
    assert last_row(capsys)[7] > 0

    def other_model(folder):
        codec = load_codec(folder)
        object.__setattr__(codec.model, "fingerprint", codec.model.fingerprint ^ 1)
        return codec

    monkeypatch.setattr(exchange, "load_codec", other_model)
    assert check() == 1
    assert last_row(capsys)[3] == 2
