"""Which files a command reads and writes: folders, patterns, streams, what exists already."""

import io
import subprocess
import sys

import pytest
from shouting import shout, tree

from pqmim_jax.cli.errors import CommandError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with texts/{a.txt,b.TEXT,notes.md,.hidden.txt,sub/{c.txt,.git/d.txt}}."""
    sub = tmp_path / "texts" / "sub"
    (sub / ".git").mkdir(parents=True)
    for name in ("a.txt", "b.TEXT", "notes.md", ".hidden.txt", "sub/c.txt", "sub/.git/d.txt"):
        (tmp_path / "texts" / name).write_text(f"in {name}")
    (tmp_path / "texts" / ".pqmim-0123.partial").write_text("half")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder):
    return [name for name in tree(folder) if name.endswith(".out")]


def test_folder_is_mirrored(here, capsys):
    assert shout("texts/", "-o", "out") == 0
    assert tree(here / "out") == ["a.out", "b.out", "sub/c.out"]
    assert (here / "out/sub/c.out").read_text() == "IN SUB/C.TXT"
    assert capsys.readouterr().out.splitlines() == [
        "texts/a.txt -> out/a.out  8 bytes",
        "texts/b.TEXT -> out/b.out  9 bytes",
        "texts/sub/c.txt -> out/sub/c.out  12 bytes",
    ]


def test_folder_without_output_is_written_beside(here):
    assert shout("texts") == 0
    assert written(here) == ["texts/a.out", "texts/b.out", "texts/sub/c.out"]


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("texts/*.txt", ["a.out"]),
        ("texts/?.*", ["a.out", "b.out"]),
        ("texts/**/*.txt", ["a.out", "sub/c.out"]),
        ("./texts/**", ["a.out", "b.out", "notes.out", "sub/c.out"]),
        ("te*/sub/*", ["texts/sub/c.out"]),
        ("texts/[a-c].txt", ["a.out"]),
    ],
)
def test_pattern_is_mirrored_below_its_fixed_part(here, pattern, found):
    assert shout(pattern, "-o", "out") == 0
    assert tree(here / "out") == found


def test_a_file_named_like_a_pattern_is_that_file(here):
    (here / "x[1].txt").write_text("one")
    (here / "x1.txt").write_text("another")
    assert shout("x[1].txt") == 0
    assert written(here) == ["x[1].out"]


def test_folders_files_and_patterns_together(here):
    (here / "z.txt").write_text("z")
    assert shout("z.txt", "texts/*.TEXT", "texts/sub", "-o", "out/deep") == 0
    assert tree(here / "out/deep") == ["b.out", "c.out", "z.out"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["texts/*.png"], "texts/*.png: no file matches"),
        (["texts/**/"], "texts/**/: no file matches"),
        (["empty"], "empty: no files to read in it (looked for .text .txt)"),
        ([""], "name is empty"),
        (["-", "texts/a.txt"], "cannot be read together"),
        (["-", "-"], "cannot be read together"),
        (["texts", "-o", "-"], "-o - takes one input, not 3"),
        (["-", "-o", "empty"], "-o must name a file"),
        (["-", "-o", "new/"], "-o must name a file"),
        (["texts", "-o", "texts/a.txt"], "texts/a.txt is a file"),
        (["texts", "-o", "blocked"], "blocked/sub is a file"),
        (["texts/a.txt", "texts/a.text"], "would both become texts/a.out"),
        (["texts/sub", "texts/sub/c.txt", "-o", "out"], "would both become out/c.out"),
    ],
)
def test_what_cannot_be_planned_is_an_error_before_any_work(here, arguments, message):
    (here / "empty").mkdir()
    (here / "blocked").mkdir()
    (here / "blocked/sub").touch()
    before = tree(here)
    with pytest.raises(CommandError) as error:
        shout(*arguments)
    assert message in str(error.value)
    assert tree(here) == before and not (here / "out").exists()


def test_existing_outputs_stop_a_batch_before_it_begins(here):
    (here / "texts/sub/c.out").write_text("precious")
    with pytest.raises(CommandError, match=r"^texts/sub/c\.out exists already \(--force.*--skip"):
        shout("texts")
    (here / "texts/b.out").write_text("precious")
    with pytest.raises(CommandError, match=r"^texts/b\.out exists already, and 1 more \("):
        shout("texts")
    assert written(here) == ["texts/b.out", "texts/sub/c.out"]


def test_skip_existing_resumes_and_force_replaces(here, capsys):
    (here / "texts/b.out").write_text("precious")
    assert shout("texts", "--skip-existing") == 0
    assert (here / "texts/b.out").read_text() == "precious"
    assert (here / "texts/sub/c.out").read_text() == "IN SUB/C.TXT"
    assert capsys.readouterr().out.startswith("skipped 1 of 3,")
    assert shout("texts", "--skip-existing", "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert shout("texts", "--force") == 0
    assert (here / "texts/b.out").read_text() == "IN B.TEXT"


def test_skip_existing_and_force_exclude_each_other(here):
    with pytest.raises(SystemExit):
        shout("texts", "--force", "--skip-existing")


class Stream(io.TextIOWrapper):
    def __init__(self, data=b"", terminal=False):
        super().__init__(io.BytesIO(data))
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def streams(monkeypatch):
    """Replaces standard input and output; returns the new output."""

    def replace(data=b"", terminal=False):
        output = Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stdin", Stream(data))
        monkeypatch.setattr(sys, "stdout", output)
        return output

    return replace


@pytest.mark.parametrize("arguments", [["-"], ["-", "-o", "-"]])
def test_standard_input_to_standard_output(streams, capsys, arguments):
    output = streams(b"text\r\n\xff\x00")
    assert shout(*arguments) == 0
    assert output.buffer.getvalue() == b"TEXT\r\n\xff\x00"
    assert capsys.readouterr().err == "standard input -> standard output  8 bytes\n"


def test_a_file_to_standard_output_and_standard_input_to_a_file(here, streams, capsys):
    output = streams(b"piped")
    assert shout("texts/a.txt", "-o", "-", "--quiet") == 0
    assert output.buffer.getvalue() == b"IN A.TXT"
    assert capsys.readouterr().err == ""
    assert shout("-", "-o", "piped.bin") == 0
    assert (here / "piped.bin").read_bytes() == b"PIPED"


def test_no_binary_data_on_a_terminal(here, streams):
    output = streams(b"text", terminal=True)
    with pytest.raises(CommandError, match="standard output is a terminal"):
        shout("-")
    assert output.buffer.getvalue() == b""
    assert shout("-", "-o", "file.out", "--quiet") == 0


def test_failure_of_standard_input_names_it(streams):
    streams(b"bad")
    with pytest.raises(CommandError, match=r"^standard input: is bad$"):
        shout("-")


def test_a_file_named_dash(here):
    (here / "-").write_text("dash")
    assert shout("./-") == 0
    assert (here / "-.out").read_text() == "DASH"


READER_GONE = """
import os
from pqmim_jax.cli import errors, standard_streams
reader, writer = os.pipe()
os.dup2(writer, 1)
os.close(reader)
try:
    standard_streams.write_output(bytes(10))
except errors.CommandError as error:
    raise SystemExit(str(error))
"""


def test_reader_that_goes_away_is_one_line():
    done = subprocess.run([sys.executable, "-c", READER_GONE], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "standard output was closed before all was written\n",
    )
