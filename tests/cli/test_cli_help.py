"""`pqmim help` and `pqmim completion`."""

import pydoc
import shutil
import subprocess
import sys

import pytest

SECTIONS = ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS")
COMMANDS = {
    "compress", "decompress", "info", "models", "evaluate", "train", "integers", "completion",
    "help", "serve-demo",
}  # fmt: skip
bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def sections(page):
    """Text of each section by its heading."""
    found = {}
    for line in page.splitlines():
        if line[:1].strip():
            heading = line
            found[heading] = ""
        else:
            found[heading] += line + "\n"
    return found


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_manual_has_every_section(pqmim, command):
    done = pqmim("help", command)
    assert (done.code, done.err) == (0, "")
    page = sections(done.out)
    assert [name for name in page if name in SECTIONS] == list(SECTIONS)
    assert all(text.strip() for text in page.values())
    assert page["NAME"].startswith(f"    pqmim-{command} - ")
    assert page["SYNOPSIS"].startswith(f"    pqmim {command} ")
    assert f"    pqmim {command}" in page["EXAMPLES"]
    assert "130" in page["EXIT STATUS"]


def test_manual_of_a_command_holds_all_of_its_help(pqmim):
    page = sections(pqmim("help", "compress").out)
    assert "-o OUT, --output OUT" in page["OPTIONS"] and "--quality 1..N" in page["OPTIONS"]
    assert "photos/**/*.jpg" in page["POSITIONAL ARGUMENTS"]
    assert "same model" in page["DESCRIPTION"] and "same model" not in page["EXAMPLES"]


def test_manual_without_a_command_lists_them(pqmim):
    page = sections(pqmim("help").out)
    first_words = {line.split()[0] for line in page["COMMANDS"].splitlines() if line.strip()}
    assert first_words >= COMMANDS
    assert "pqmim compress photo.jpg" in page["EXAMPLES"]


def test_manual_of_an_unknown_command_names_the_known_ones(pqmim):
    done = pqmim("help", "squeeze")
    assert done.code == 2
    assert "'squeeze'" in done.err and "decompress" in done.err


def test_manual_goes_through_the_pager_on_a_terminal(pqmim, monkeypatch):
    pages = []
    monkeypatch.setattr(pydoc, "pager", pages.append)
    plain = pqmim("help", "info").out
    assert pages == []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert pqmim("help", "info").out == ""
    assert pages == [plain]


def completed(script, folder, *words):
    """What the script offers in bash for the last of `words`."""
    lines = [
        script,
        'COMP_WORDS=("$@")',
        "COMP_CWORD=$(($# - 1))",
        'complete_with=$(complete -p pqmim | sed "s/.* -F \\([^ ]*\\) .*/\\1/")',
        "$complete_with",
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines), "bash", *words],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    return set(done.stdout.split())


@bash
@pytest.mark.parametrize(
    "words, offered",
    [
        (["comp"], {"compress", "completion"}),
        (["--ver"], {"--version"}),
        (["compress", "--qu"], {"--quality", "--quiet"}),
        (["compress", "a.png", "b.png", "--sk"], {"--skip-existing"}),
        (["compress", "pho"], {"photo.png", "photos"}),
        (["compress", "photo.png", "-o", "oth"], {"other"}),
        (["decompress", "--form"], {"--format"}),
        (["completion", ""], {"bash", "zsh"}),
        (["help", "dec"], {"decompress"}),
        (["evaluate", "pho"], {"photos"}),
    ],
)
def test_completion_in_bash(pqmim, tmp_path, words, offered):
    for folder in ("photos", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "photo.png").touch()
    script = pqmim("completion", "bash").out
    assert completed(script, tmp_path, "pqmim", *words) == offered


def test_completion_for_zsh_names_every_command(pqmim):
    script = pqmim("completion", "zsh").out
    assert script.startswith("#compdef pqmim\n")
    assert all(f"    {command}:" in script for command in COMMANDS)
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n"], input=script, text=True, check=True)


def test_completion_for_an_unknown_shell(pqmim):
    done = pqmim("completion", "tcsh")
    assert done.code == 2 and "bash" in done.err and "zsh" in done.err
