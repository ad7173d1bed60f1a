"""Many files at once: order, failures, warnings, Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest
from shouting import convert, parsed, shout, tree

from pqmim_jax.cli import command_line, files
from pqmim_jax.cli.errors import CommandError


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Makes this many files 00.txt, 01.txt, ... the content of the current folder."""
    monkeypatch.chdir(tmp_path)

    def make(count):
        for number in range(count):
            (tmp_path / f"{number:02}.txt").write_text(f"text {number}")
        return tmp_path

    return make


def convert_with(function, *arguments):
    args = parsed(".", "--jobs", 3, *arguments)
    return files.convert_all(files.plan(args, reads={".txt"}, writes=".out"), function, args)


@pytest.mark.parametrize("jobs", [1, 3, 50])
def test_lines_come_in_the_order_of_the_inputs(texts, capsys, jobs):
    folder = texts(12)

    def backwards(source):
        time.sleep(0.002 * (12 - int(source.path.stem)))
        return convert(source)

    assert convert_with(backwards, "--jobs", jobs) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" -> ")[0] for line in lines] == [f"{n:02}.txt" for n in range(12)]
    assert (folder / "07.out").read_text() == "TEXT 7"


def test_as_many_are_at_work_at_once_as_jobs_says(texts):
    texts(6)
    meeting = threading.Barrier(3, timeout=10)

    def wait_for_two_others(source):
        meeting.wait()
        return convert(source)

    assert convert_with(wait_for_two_others) == 0


def test_one_job_works_in_one_thread(texts):
    texts(4)
    threads = set()

    def note(source):
        threads.add(threading.get_ident())
        return convert(source)

    assert convert_with(note, "--jobs", 1) == 0
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
def test_jobs_must_be_a_positive_number(jobs, capsys):
    with pytest.raises(SystemExit):
        parsed("a", f"--jobs={jobs}")
    assert "whole number from 1 on" in capsys.readouterr().err


def test_failures_are_listed_at_the_end_in_order(texts, capsys):
    folder = texts(6)
    for name in ("04.txt", "01.txt"):
        (folder / name).write_text("bad")
    assert shout(".", "--jobs", 3) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "pqmim: error: 01.txt: is bad",
        "pqmim: error: 04.txt: is bad",
    ]
    assert len(captured.out.splitlines()) == 4
    assert len([name for name in tree(folder) if name.endswith(".out")]) == 4


def test_a_bug_ends_the_batch(texts):
    texts(40)
    begun = []

    def broken(source):
        begun.append(source)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        convert_with(broken)
    assert len(begun) < 40


@pytest.mark.parametrize("jobs", [1, 3])
def test_warnings_are_one_line_each_with_the_files_name(texts, capsys, jobs):
    texts(3)

    def warn(source):
        warnings.warn(f"first of 3\npages of {source.path.stem}", stacklevel=1)
        if source.path.stem == "01":
            warnings.warn(f"{source}: has no end", UserWarning, stacklevel=1)
            raise CommandError(f"{source}: is bad")
        return convert(source)

    assert convert_with(warn, "--jobs", jobs) == 1
    assert capsys.readouterr().err.splitlines() == [
        "pqmim: warning: 00.txt: first of 3 pages of 00",
        "pqmim: warning: 01.txt: first of 3 pages of 01",
        "pqmim: warning: 01.txt: has no end",
        "pqmim: warning: 02.txt: first of 3 pages of 02",
        "pqmim: error: 01.txt: is bad",
    ]


def test_other_warnings_and_the_hook_are_left_alone(texts):
    texts(1)

    def warn(source):
        warnings.warn("other", RuntimeWarning, stacklevel=1)
        return convert(source)

    hook = warnings.showwarning
    with pytest.warns(RuntimeWarning, match="other"):
        convert_with(warn)
    assert warnings.showwarning is hook


def wait_for_the_workers_end():
    """The pool does not wait for a thread that it was just starting when Ctrl-C came."""
    for thread in threading.enumerate():
        if thread.name.startswith("pqmim"):
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def press_ctrl_c():
    """Presses Ctrl-C the first time it is called."""
    not_yet = threading.Lock()

    def press():
        if not_yet.acquire(blocking=False):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    return press


def work_until_stopped():
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.01)
    raise AssertionError("was not stopped")


@pytest.mark.parametrize("jobs", [1, 3])
def test_ctrl_c_stops_what_is_at_work_and_begins_nothing(texts, press_ctrl_c, jobs):
    folder = texts(30)
    begun = []

    def slow(source):
        begun.append(source)
        if len(begun) == jobs:
            press_ctrl_c()
        work_until_stopped()

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        convert_with(slow, "--jobs", jobs)
    wait_for_the_workers_end()
    assert time.monotonic() - started < 10
    assert len(begun) == jobs
    assert all(name.endswith(".txt") for name in tree(folder))


@pytest.mark.parametrize("jobs", [1, 3])
def test_ctrl_c_while_writing_leaves_no_partial_file(texts, monkeypatch, press_ctrl_c, jobs):
    folder = texts(9)
    written = []

    def slow_disk(descriptor):
        written.extend(name for name in tree(folder) if name.endswith(".partial"))
        press_ctrl_c()
        work_until_stopped()

    monkeypatch.setattr(os, "fsync", slow_disk)
    with pytest.raises(KeyboardInterrupt):
        convert_with(convert, "--jobs", jobs)
    wait_for_the_workers_end()
    assert written
    assert all(name.endswith(".txt") for name in tree(folder))


SLOW_COMMAND = """
import os, sys, time, types
from pqmim_jax.cli import main
from pqmim_jax.codec import Codec

def encode(*arguments, **options):
    os.write(1, b"at work\\n")  # in one piece, from two threads
    while True:
        time.sleep(0.01)

codec = types.SimpleNamespace(qualities=4, encode=encode)
Codec.load = lambda name, **options: codec
sys.exit(main())
"""


def test_ctrl_c_in_a_process_exits_130_with_one_line(png, tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(png.read_bytes())
    before = tree(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_COMMAND, "compress", str(tmp_path), "--jobs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (command_line.INTERRUPTED, "pqmim: interrupted\n")
    assert tree(tmp_path) == before


def test_bar_on_a_terminal_leaves_the_lines_whole(texts, monkeypatch, capsys):
    texts(5)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert shout(".") == 0
    captured = capsys.readouterr()
    assert "files: " in captured.err and "/5" in captured.err
    assert len(captured.out.splitlines()) == 5
    assert shout(".", "--force", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
