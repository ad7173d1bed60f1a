"""The commit column names the code that ran."""

import subprocess

import pytest

from pqmim_jax.ablation.provenance import _commit


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Function git(*arguments) -> output, in a repository with a package and a readme."""
    monkeypatch.delenv("GIT_DIR", raising=False)

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "readme").write_text("")
    git("add", "-A")
    git("commit", "-qm", "first")
    return git


def test_it_changes_with_the_package_alone(repository, tmp_path):
    package = tmp_path / "package"
    first = repository("rev-parse", "HEAD")
    assert _commit(package) == first
    (tmp_path / "readme").write_text("edited")
    assert _commit(package) == first
    repository("commit", "-qam", "readme")
    assert _commit(package) == first
    (package / "__init__.py").write_text("edited = True\n")
    assert _commit(package) == f"{first}-dirty"
    repository("commit", "-qam", "package")
    assert _commit(package) == repository("rev-parse", "HEAD") != first


def test_outside_a_repository_there_is_none(repository, tmp_path):
    (tmp_path / "untracked").mkdir()
    (tmp_path / "untracked" / "__init__.py").write_text("")
    assert _commit(tmp_path / "untracked") == ""
