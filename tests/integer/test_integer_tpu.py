"""The integer MIM as a TPU program, compiled ahead of time: its products are of integers."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

COMPILE = """
from pqmim_jax.scale_plan import environment
environment.prepare()
import sys
import jax, numpy as np
from jax.sharding import SingleDeviceSharding
from pqmim_jax.scale_plan.chips import parse_topology
from pqmim_jax.scale_plan.plan import tpu_devices
sys.path.insert(0, sys.argv[1])
from extreme_model import programs, tree_of, windows

tree = tree_of()
place = SingleDeviceSharding(tpu_devices(parse_topology("v5e:2x2"))[0])
(context, trunk), (head, params) = programs(tree)
window = windows(tree, 1)[0]
rows = (np.zeros((16, 32), np.int8), np.zeros((16, 3), np.int32), np.int32(1))
for function, arguments in ((context, (trunk, window)), (head, (params, *rows))):
    shapes = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(np.shape(a), np.asarray(a).dtype, sharding=place), arguments
    )
    text = jax.jit(function).lower(*shapes).compile().as_text()
    products = [l for l in text.splitlines() if " convolution(" in l or " dot(" in l]
    assert products, "no product in the program"
    for line in products:
        print(line.strip()[:200])
    # Fusions may widen operands on their way in; what a product gives is an int32, never a float.
    assert all(line.split("=")[1].strip().startswith("s32[") for line in products)
"""


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed")
def test_a_tpu_program_multiplies_integers():
    command = [sys.executable, "-c", COMPILE, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
