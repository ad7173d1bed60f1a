"""Training runs as processes, for tests of preemption and of several hosts."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from pqmim_jax.training.config import to_json

SCRIPT = Path(__file__).parent / "train_in_process.py"


class Process:
    """One process of a run; its output goes to a file, so that it never blocks."""

    def __init__(self, arguments, environment, log):
        self.log = log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [sys.executable, SCRIPT, *map(str, arguments)],
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait_for_end(self, timeout=600):
        """Exit status and everything printed."""
        try:
            status = self._process.wait(timeout)
        finally:
            self._process.kill()
        return status, self.log.read_text()

    def wait_for_line(self, path, text, timeout=300):
        """Returns once `text` stands in the file `path`."""
        end = time.monotonic() + timeout
        while not (path.exists() and text in path.read_text()):
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def send(self, number):
        self._process.send_signal(number)


def start(config, workdir, *arguments, devices=1, name="alone"):
    """Starts a run with `devices` CPU devices in this process."""
    workdir.parent.mkdir(parents=True, exist_ok=True)
    path = workdir.parent / f"{workdir.name}.{name}.json"
    path.write_text(to_json(config))
    flags = f"--xla_force_host_platform_device_count={devices} {os.environ.get('XLA_FLAGS', '')}"
    environment = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    log = workdir.parent / f"{workdir.name}.{name}.log"
    return Process([path, workdir, *arguments], environment, log)


def start_hosts(config, workdir, hosts, devices, record=None):
    """Starts a run of `hosts` processes with `devices` CPU devices each.

    Host h adds to the file `record`.h what it trains on, if `record` is given.
    """
    address = f"127.0.0.1:{_free_port()}"
    return [
        start(
            config,
            workdir,
            *("--join", f"{address},{host},{hosts}"),
            *(("--record", f"{record}.{host}") if record else ()),
            devices=devices,
            name=f"host{host}",
        )
        for host in range(hosts)
    ]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
