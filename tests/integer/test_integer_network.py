"""The MIM in integers: no float is rounded, whoever computes it, and bounds that show it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from extreme_model import programs, tree_of, windows
from wide_evaluation import evaluated

from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.integer import bounds
from pqmim_jax.model_store import ModelError, load_model
from pqmim_jax.runtime.sessions import Session

GOLDEN = Path(__file__).parent / "golden_logits.json"
KINDS = {
    "plain": {},
    "lean": {"plain": False},
    "wide": {"c": 48, "heads": 3, "m": 5, "side": 8, "converted": True},
    "shallow": {"depth": 0},
    "told": {"plain": False, "told": True},
}


def all_logits(kind, run):
    """Contexts and logits of all sub-quantizers for some windows; `run` runs a program."""
    options = KINDS[kind]
    tree = tree_of(**options)
    side, m = options.get("side", 6), options.get("m", 3)
    (context, trunk), (head, params) = programs(tree, options.get("heads", 2), side)
    contexts, logits = [], []
    for quality, window in enumerate(windows(tree, 3, side), start=1):
        told = [np.int32(quality)] if "quality" in tree else []
        contexts.append(np.asarray(run(context, trunk, window, *told)))
        rows = contexts[-1].reshape(-1, contexts[-1].shape[-1])
        known = window[1:-1, 1:-1].reshape(-1, m)
        for i in range(m):
            logits.append(np.asarray(run(head, params, rows, known, np.int32(i))))
    return np.stack(contexts), np.stack(logits)


def in_jax(function, *arguments):
    return jax.jit(function)(*arguments)


def in_float64(function, *arguments):
    (result,) = evaluated(function, *arguments)
    return result


def in_onnx(function, params, *inputs):
    shapes = {f"x{i}": jax.ShapeDtypeStruct(np.shape(x), x.dtype) for i, x in enumerate(inputs)}
    model = to_onnx("p", lambda p, *xs: (function(p, *xs),), params, shapes, ["y"])
    carriers = [x.astype(np.int16) + 128 if x.dtype == np.int8 else x for x in inputs]
    carriers = [c.astype(np.uint8) if c.dtype == np.int16 else c for c in carriers]
    (found,) = Session(model.SerializeToString())(*carriers)
    return (found.astype(np.int16) - 128).astype(np.int8) if found.dtype == np.uint8 else found


def digests(kind, run):
    contexts, logits = all_logits(kind, run)
    assert contexts.dtype == np.int8
    assert logits.dtype == np.int32
    parts = (contexts, logits.astype("<i4"))
    return [hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest() for x in parts]


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_the_golden_ones(kind):
    contexts, logits = all_logits(kind, in_jax)
    assert len(np.unique(contexts)) > 100
    assert logits.std() > 10
    assert digests(kind, in_jax) == json.loads(GOLDEN.read_text())[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_more_bits_for_floats_change_nothing(kind):
    assert digests(kind, in_float64) == json.loads(GOLDEN.read_text())[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_gives_the_golden_logits(kind):
    assert digests(kind, in_onnx) == json.loads(GOLDEN.read_text())[kind]


SETTINGS = [
    {"JAX_DEFAULT_MATMUL_PRECISION": "bfloat16"},
    {"JAX_DEFAULT_MATMUL_PRECISION": "BF16_BF16_F32"},
    {"JAX_ENABLE_X64": "1"},
    {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
    {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_cpu_fast_math_honor_infs=false"},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: " ".join(s.values()))
def test_settings_of_a_process_change_nothing(setting):
    code = "import test_integer_network as t; print(t.digests('plain', t.in_jax))"
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu", **setting},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(json.loads(GOLDEN.read_text())["plain"]), done.stderr


def test_bounds_hold_for_extreme_weights_and_for_the_packaged_model():
    for options in KINDS.values():
        assert bounds.check(tree_of(**options), options.get("side", 6)) <= bounds.LIMIT
    assert bounds.check(load_model().mim, 20) <= bounds.LIMIT


def logits_of(bias):
    return {"bias": np.full((3, 16), bias, np.int32), "shift": np.zeros((3, 16), np.int8)}


def told(table):
    return {"quality": {"embedding": table}}


def far_beyond_the_residual_stream(tree):
    tree["stem"]["shift"].fill(-8)
    tree |= told(np.zeros((3, 32), np.int16))


def broken(change):
    tree = tree_of()
    change(tree)
    return tree


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda t: t["stem"]["bias"].fill(2**24), "stem"),
        (lambda t: t["block_0"]["expand"]["bias"].fill(-(2**24)), "block_0/expand"),
        (lambda t: t["block_1"]["local"]["offset"].fill(2**22), "block_1/local"),
        (lambda t: t["read"]["rsqrt"].fill(300), "read/gain"),
        (lambda t: t["block_0"]["attention"]["mean"]["reciprocal"].fill(300), "attention/mean"),
        (lambda t: t["block_0"]["attention"]["exponential"].fill(-100), "exponential"),
        (lambda t: t["head"]["output"].update(logits_of(2**21)), "head/output: logits"),
        (lambda t: t["head"].pop("output"), "output"),
        (lambda t: t["stem"].update(weights=t["stem"]["weights"].astype(np.int16)), "stem/weights"),
        (
            lambda t: t.update(told(np.zeros((3, 32), np.int32))),
            "quality/embedding: not .* 16 bits",
        ),
        (lambda t: t.update(told(np.zeros((2, 32), np.int16))), r"embedding: not \(3, 32\) values"),
        (far_beyond_the_residual_stream, "quality: numbers of its sums"),
    ],
)
def test_weights_that_break_a_bound_are_refused(change, place):
    with pytest.raises(ModelError, match=place):
        bounds.check(broken(change), 6)


def test_the_quality_is_added_before_the_residual_stream_is_clipped():
    """Every quality its own row, whichever runtime; equal rows, equal contexts."""
    tree = tree_of(plain=False, told=True)
    window = windows(tree, 1)[0]

    def contexts(tree, run):
        (context, trunk), _ = programs(tree)
        return [np.asarray(run(context, trunk, window, np.int32(q))) for q in (1, 2, 3)]

    found = contexts(tree, in_jax)
    for a, b in zip(found, contexts(tree, in_onnx), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all((found[i] != found[i - 1]).any() for i in range(3))
    none = {**tree, **told(np.zeros((3, 32), np.int16))}
    (context, trunk), _ = programs({key: none[key] for key in none if key != "quality"})
    for found in contexts(none, in_jax):
        np.testing.assert_array_equal(found, in_jax(context, trunk, window))


def test_a_window_too_large_for_its_sums_is_refused():
    with pytest.raises(ModelError, match="attention/sums"):
        bounds.check(tree_of(), 24)


def test_a_sum_beyond_the_bound_is_indeed_inexact():
    """The check guards against something: beyond it, float32 and float64 differ."""
    tree = tree_of()
    tree["stem"]["bias"] = tree["stem"]["bias"] + np.int32(2**24 + 1)
    tree["stem"]["shift"][:] = 10
    (_, trunk), _ = programs(tree)
    window = windows(tree, 1)[0]
    embedded = {"embedding": trunk["embedding"], "stem": trunk["stem"]}

    def stem(p, visible):
        from pqmim_jax.integer import network

        return network._linear(network._embedded(p["embedding"], visible), p["stem"])

    narrow = np.asarray(jax.jit(stem)(embedded, window))
    (wide,) = evaluated(stem, embedded, window)
    assert (narrow != wide).any()
