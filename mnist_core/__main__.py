"""`python -m mnist_core`: see cli.py."""

import os

# Threads that wait for each other spin by default, and two spinning threads on a shared machine
# cost more than they save. OpenMP reads this when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
