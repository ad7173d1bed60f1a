"""What else decides about a number: versions, device, commit."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


@cache
def provenance() -> dict[str, str]:
    """Columns of the table: git_commit ("" outside a repository), versions, device.

    Asked for once, before any work: a checkout may move on under a process that runs for hours,
    and what it has loaded is what counts.
    """
    import jax

    device = jax.devices()[0]
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {
        "git_commit": _commit(Path(__file__).parents[1]),
        "pqmim_version": metadata.version("pqmim-jax"),
        "python_version": platform.python_version(),
        **{f"{name}_version": version for name, version in versions.items()},
        "device": f"{device.platform}: {device.device_kind} ({platform.machine()})",
    }


def _commit(folder: Path) -> str:
    """The newest commit that changed the package in `folder`; "" if no repository tracks it.

    "-dirty" stands behind it where tracked files of the package differ. Other files of the
    repository do not count: equal code gives equal tables, whatever else was committed or edited.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An installed package may lie inside some other repository: its own must track it.
        git("ls-files", "--error-unmatch", "__init__.py")
        dirty = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("log", "-1", "--format=%H", "--", ".") + ("-dirty" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
