# Sourced by the scripts beside it. After `prepare_environment EXTRA`, $bin holds the programs of a
# virtual environment in which this repository is installed with that extra.
#
#   PQMIM_VENV     where the environment lies (default: .venv in the repository)
#   PQMIM_PYTHON   the Python to make it with (default: python3.11, else python3)

# Everything here runs on the CPU; where the tests have installed libtpu, JAX would look for a TPU.
export JAX_PLATFORMS="${JAX_PLATFORMS:-cpu}"

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${PQMIM_VENV:-$root/.venv}"
bin="$venv/bin"

find_python() {
    local candidate
    for candidate in ${PQMIM_PYTHON:-python3.11 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no Python >= 3.11 (tried ${PQMIM_PYTHON:-python3.11 python3});" \
        "name one in PQMIM_PYTHON" >&2
    return 1
}

# What an installation depends on: the project file, and which copy of the repository it is.
installation_stamp() {
    "$bin/python" - "$root" <<'PYTHON'
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
print(hashlib.sha256(bytes(root) + (root / "pyproject.toml").read_bytes()).hexdigest())
PYTHON
}

prepare_environment() {
    local extra="$1" stamp python
    if [ ! -x "$bin/pip" ]; then
        python="$(find_python)"
        echo "making a virtual environment in $venv"
        "$python" -m venv "$venv"
    fi
    stamp="$(installation_stamp)"
    if [ "$(cat "$venv/installed-$extra" 2>/dev/null)" != "$stamp" ]; then
        echo "installing pqmim-jax[$extra] in $venv (about a minute)"
        "$bin/python" -m pip install --quiet --disable-pip-version-check -e "$root[$extra]"
        echo "$stamp" >"$venv/installed-$extra"
    fi
}
