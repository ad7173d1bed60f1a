#!/usr/bin/env bash
# Two photographs through the installed `pqmim` command and back; writes demo_output/ in the
# repository. PQMIM_MODEL names another model than the default one (a folder or a workdir).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

prepare_environment demo
"$bin/python" "$root/tools/demo.py" --output "$root/demo_output" \
    ${PQMIM_MODEL:+--model "$PQMIM_MODEL"} "$@"
