"""The check of round trips, on a picture and a model with random weights."""

import sys

import numpy as np
import pytest
import verify_round_trip
from PIL import Image


def test_a_folder_without_a_failure_ends_with_exit_code_0(
    tiny_model, tmp_path, monkeypatch, capsys
):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    arguments = ["verify_round_trip.py", str(tmp_path), "--model", str(tiny_model)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as end:
        sys.exit(verify_round_trip.main())
    out = capsys.readouterr().out
    assert ": 0 failures" in out, out
    assert type(end.value.code) is int
    assert end.value.code == 0
