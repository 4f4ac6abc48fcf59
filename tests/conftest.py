"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Tests replace parts of locklint while it runs, which no key of the cache knows of. Those of the
# cache itself ask for it.
os.environ["LOCKLINT_NO_CACHE"] = "1"


@pytest.fixture(autouse=True)
def _no_trace_of_workers() -> Iterator[None]:
    """Take back what a run with workers sets for the rest of its process, and for new ones."""
    yield
    os.environ.pop("PYTHONSAFEPATH", None)
