"""What all tests share."""

from __future__ import annotations

import os

# Tests replace parts of locklint while it runs, which no key of the cache knows of. Those of the
# cache itself ask for it.
os.environ["LOCKLINT_NO_CACHE"] = "1"
