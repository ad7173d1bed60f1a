"""`python -m pqmim_jax` is the `pqmim` command."""

import sys

from pqmim_jax.cli import main

if __name__ == "__main__":
    sys.exit(main())
