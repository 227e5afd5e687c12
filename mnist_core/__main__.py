"""`python -m mnist_core`: see cli/."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main  # takes seconds, in which one may change one's mind
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    sys.exit(main())
