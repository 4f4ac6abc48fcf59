"""``python -m locklint``."""

import sys

from locklint.cli import main

if __name__ == "__main__":
    sys.exit(main())
