"""The integer MIM compiles for a TPU, ahead of time, and all its products stay integers there."""

import importlib.util
import re
import subprocess
import sys

import pytest

COMPILE = """
import sys
from pqmim_jax.scale_plan import environment
environment.prepare()
import jax
from jax.sharding import SingleDeviceSharding
from pqmim_jax.codec.networks import Networks
from pqmim_jax.model_store import load_model
from pqmim_jax.scale_plan.chips import parse_topology
from pqmim_jax.scale_plan.plan import tpu_devices

chip = SingleDeviceSharding(tpu_devices(parse_topology("v5e:2x2"))[0])
networks = Networks(load_model(sys.argv[1]))
for network in (networks.context, networks.head_to_fixed_logits()):
    arguments = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=chip),
        (network.params, *network.inputs.values()),
    )
    print(jax.jit(network.function).lower(*arguments).compile().as_text())
"""


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_products_are_integers_in_a_program_for_a_tpu(tiny_model):
    command = [sys.executable, "-c", COMPILE, str(tiny_model)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    products = re.findall(r"= (\w+)\[\S* (?:convolution|dot)\(", done.stdout)
    assert len(products) >= 3
    assert set(products) == {"s32"}
