"""A pool of JAX's that a codec of floats did not start is a reason to warn, its own is not."""

import os
import subprocess
import sys

import pytest

CODEC = "from pqmim_jax import Codec; Codec.load()"
HYPERPRIOR = (
    "from pqmim_jax.hyperprior_store import StoredHyperprior;"
    "from pqmim_jax.codec.hyperprior.programs import HyperpriorPrograms;"
    "model = StoredHyperprior('', {'f': 16}, (), {}, (), (), 0);"
    "HyperpriorPrograms(model); HyperpriorPrograms(model)"
)


@pytest.mark.parametrize(
    ("program", "nproc", "warned"),
    [
        (f"import jax; jax.devices(); {HYPERPRIOR}", None, True),
        (f"import jax; jax.devices(); {HYPERPRIOR}", "1", False),
        (f"import jax; {HYPERPRIOR}", None, False),
        (f"import jax; jax.devices(); {CODEC}", None, False),  # its files hold on integers only
    ],
)
def test_using_jax_before_the_codec_warns_where_it_can_matter(program, nproc, warned):
    environment = {name: value for name, value in os.environ.items() if name != "NPROC"}
    environment |= {"JAX_PLATFORMS": "cpu"} | ({"NPROC": nproc} if nproc else {})
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert ("Load it first, or set NPROC=1" in done.stderr) == (
        warned and os.cpu_count() > 1  # a pool on one core has one thread
    )
