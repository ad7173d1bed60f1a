"""Environment variables that let libtpu compile on a machine that has no TPU. Imports no JAX."""

import os


def prepare() -> None:
    """Sets them; to be called before JAX is imported."""
    os.environ["JAX_PLATFORMS"] = "cpu"  # for what runs; the programs are for the topology
    defaults = {
        "TPU_SKIP_MDS_QUERY": "1",  # there is no metadata server
        "TPU_ACCELERATOR_TYPE": "v5litepod-16",  # must be set; the topology's name is what counts
        "TPU_WORKER_HOSTNAMES": "localhost",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # no chip is held, so plans may run side by side
        "TPU_LOG_DIR": "disabled",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
