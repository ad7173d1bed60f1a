"""Files are written whole or not at all, whatever happens meanwhile."""

import os
import signal
import subprocess
import sys

import pytest

from pqmim_jax.images import write_atomically

# Writes argv[1] and, before the file gets its name, says so and waits for the end.
WRITER = """
import sys, time
from pathlib import Path
from pqmim_jax.images import write_atomically

def wait(self, target):
    print("before the name", flush=True)
    time.sleep(60)

Path.replace = wait
write_atomically(sys.argv[1], bytes(20_000_000), overwrite=True)
"""


def killed_while_writing(path, signal_number):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "before the name\n"
        process.send_signal(signal_number)
    assert process.returncode != 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("existing", [True, False])
def test_process_killed_while_writing_leaves_nothing_under_the_name(tmp_path, number, existing):
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"old")
    killed_while_writing(path, number)
    assert path.exists() == existing
    assert not existing or path.read_bytes() == b"old"
    if number == signal.SIGINT:  # time enough to tidy up
        assert os.listdir(tmp_path) == ["file"] * existing


def test_keyboard_interrupt_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new", overwrite=False)
    assert os.listdir(tmp_path) == []


def test_existing_file_stays_unless_overwritten(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one", overwrite=False)
    with pytest.raises(FileExistsError):
        write_atomically(path, b"two", overwrite=False)
    assert path.read_bytes() == b"one"
    write_atomically(path, b"three", overwrite=True)
    assert path.read_bytes() == b"three"
    assert os.listdir(tmp_path) == ["file"]


def test_crash_while_writing_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_atomically(tmp_path / "file", b"", overwrite=False)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    with pytest.raises(FileExistsError, match="not a regular file"):
        write_atomically(tmp_path, b"", overwrite=True)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        write_atomically(tmp_path / "nowhere" / "file", b"", overwrite=False)
