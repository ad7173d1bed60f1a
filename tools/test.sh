#!/usr/bin/env bash
# Everything that CI checks, in an environment of its own: lint, then the tests that are not slow.
# Arguments go to pytest:  bash tools/test.sh tests/coding -k rans
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment test
cd "$root"
"$bin/ruff" check .
"$bin/python" -m pytest -m "not slow" "$@"
