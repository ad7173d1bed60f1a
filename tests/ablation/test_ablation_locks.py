"""Claims: one at a time, and none by the dead."""

import signal
import subprocess
import sys

from pqmim_jax.ablation.locks import claimed

HOLDER = """
import sys, time
from pathlib import Path
from pqmim_jax.ablation.locks import claimed
with claimed(Path(sys.argv[1]), "work") as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


def test_a_claim_is_exclusive_while_it_lasts(tmp_path):
    with claimed(tmp_path / "locks", "work") as mine:
        assert mine
        with claimed(tmp_path / "locks", "work") as second:
            assert not second
        with claimed(tmp_path / "locks", "other") as other:
            assert other
    with claimed(tmp_path / "locks", "work") as again:
        assert again


def test_a_killed_process_holds_nothing(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "True\n"
        with claimed(tmp_path, "work") as mine:
            assert not mine
        assert str(holder.pid) in (tmp_path / "work.lock").read_text()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with claimed(tmp_path, "work") as mine:
        assert mine
