#!/usr/bin/env bash
# Everything that CI checks, in an environment of its own: lint, then the tests that are not slow.
# Files of tests run side by side, in as many processes as there are cores, four at most.
# Arguments go to pytest:  bash tools/test.sh tests/coding -k rans
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment test
cd "$root"
"$bin/ruff" check .
"$bin/python" -m pytest -m "not slow" -n logical --maxprocesses 4 \
    --dist loadfile --no-loadscope-reorder "$@"
