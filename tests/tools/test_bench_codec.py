"""The benchmark runs as a person runs it, and its clocks tell the truth."""

import importlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import features

TOOLS = Path(__file__).parents[2] / "tools"
PICTURE = Path(__file__).parents[1] / "pictures" / "otters.webp"


@pytest.fixture
def load(monkeypatch):
    """Function from the name of a module of the tool to the module."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return lambda name: importlib.import_module(f"codec_bench.{name}")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_tool_compares_codecs_at_near_equal_size(tiny_model):
    options = [PICTURE, "--model", tiny_model, "--repeat", "1", "--quality", "3"]
    command = [sys.executable, TOOLS / "bench_codec.py", *options]
    run = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    tables = [cells(line) for line in run.stdout.splitlines() if line.startswith("|")]
    end = tables.index(["where", "compress", "decompress"])
    comparison = {row[0]: row for row in tables[2:end]}
    expected = ["pqmim", "AVIF", "WebP", "JPEG"]
    assert list(comparison) == [n for n in expected if n != "AVIF" or features.check("avif")]
    assert comparison["pqmim"][1] == "quality 3"
    for row in comparison.values():
        warm, cold = [float(cell.split()[0]) for cell in row[4:6]], row[6:8]
        assert all(0 < w < float(c.split()[0]) for w, c in zip(warm, cold, strict=True))
    assert "With an empty cache, otters.webp (0.06 MP)" in run.stdout
    where = {row[0]: row[1:] for row in tables[end + 2 :]}
    assert {"imports", "encoder network", "MIM contexts", "decoder network"} <= set(where)
    assert where["encoder network"][1] == where["decoder network"][0] == "-"
    assert list(where)[-1].startswith("share of the host")
    assert all(0 < float(share.rstrip("%")) < 100 for share in list(where.values())[-1])


def test_peak_memory_is_the_processes_own(load):
    ballast = np.ones(300 * 2**20, np.uint8)
    small, output = load("processes").python(["-c", "print('so')"])
    assert output == "so"
    assert small.peak_bytes < 100 * 2**20 < ballast.nbytes
    large, _ = load("processes").python(["-c", f"bytearray({2 * 10**8})"])
    assert large.peak_bytes > 2 * 10**8


def test_a_process_that_fails_is_an_error_with_its_own_words(load):
    with pytest.raises(RuntimeError, match="nothing here"):
        load("processes").python(["-c", "raise SystemExit('nothing here')"])


@pytest.mark.parametrize(
    ("intervals", "seconds"),
    [([], 0), ([(1, 2), (4, 5)], 2), ([(4, 6), (1, 5)], 5), ([(1, 9), (2, 3), (8, 10)], 9)],
)
def test_overlapping_calls_count_once(load, intervals, seconds):
    assert load("timeline").union_s(intervals) == seconds


def test_a_timeline_counts_calls_of_several_threads_at_once_as_one_time(load):
    timeline = load("timeline").Timeline()
    sleep = timeline.timed("sleep", time.sleep)
    threads = [threading.Thread(target=sleep, args=(0.2,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    timeline.timed("rest", time.sleep)(0.1)
    assert 0.2 <= timeline.seconds()["sleep"] < 0.6
    assert timeline.busy_s() >= 0.3
    assert timeline.busy_s(without="sleep") == timeline.seconds()["rest"] >= 0.1


def test_recording_leaves_the_codec_as_it_was_and_changes_no_byte(load, codec):
    timeline = load("timeline")
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    before, programs = codec.compress(image), codec.programs
    with timeline.recording(codec) as recorded:
        assert codec.compress(image) == before
        codec.decompress(before)
    assert codec.programs is programs
    assert timeline.CODER in recorded.seconds()
    assert recorded.busy_s() > recorded.busy_s(without=timeline.CODER) > 0


def test_every_program_is_recorded_under_a_name_of_its_own(load, codec):
    timeline = load("timeline")
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    always = {"MIM contexts", "MIM head and tables", timeline.CODER, timeline.LOADING}
    with timeline.recording(codec) as encoding:
        data = codec.compress(image, rate_weight=1.0, refinement_steps=1)
    with timeline.recording(codec) as decoding:
        codec.decompress(data)
    assert set(encoding.seconds()) == always | {"encoder network", "refinement"}
    assert set(decoding.seconds()) == always | {"decoder network", "post-filter"}
