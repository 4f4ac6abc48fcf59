"""Which files can say anything about locks, from their bytes alone."""

from __future__ import annotations

import time

import pytest

from locklint.core.config import Config, LockType
from locklint.index.screen import configured_words, mentions_lock


@pytest.mark.parametrize(
    "code",
    [
        "lock = Lock()",
        "with self._lock:",
        "lock",
        "from .state import CACHE_LOCK",
        "with rlock, flock:",
        "self.locked",
        "db_lock",
        "clock_lock",
        "class AsyncLock:",
        "x.acquire()",
        "getattr(x, 'acquire')",
        "def tryAcquire(self):",
        "x.release()",
        "stack.callback(x.release)",
        "BoundedSemaphore(3)",
        "with semaphore:",
        "Condition()",
        "field(default_factory=asyncio.Condition)",
        "field(default_factory=Condition)",
        "with self._mutex:",
        "Mutex()",
        "import threading",
        "from multiprocessing import Process",
        "_thread.allocate_lock()",
        "trio.CapacityLimiter(1)",
        "client.lock('name')",
        "x = 1  # locklint: ignore[LCK101] reason",
    ],
)
def test_kept(code: str) -> None:
    assert mentions_lock(code.encode())
    assert mentions_lock(f"x = 1\n{code}\n".encode())


@pytest.mark.parametrize(
    "code",
    [
        "",
        "block = clock = time.monotonic()",
        "unblock(); counterclockwise = 1",
        "class Block(Clock): ...",
        "signal.SIG_BLOCK, os.O_NONBLOCK",
        "release = '1.0'",
        "x.release_date",
        "if condition: precondition()",
        "class ConditionError(Exception): ...",
        "cs.utexas.edu",
        "stocks.sort()",
    ],
)
def test_passed_by(code: str) -> None:
    assert not mentions_lock(code.encode())


def test_words_of_configured_lock_types_count() -> None:
    latch = LockType(acquire=("enter", "acquire"), release=("leave",))
    words = configured_words(Config(lock_types={"pkg.sync.Latch": latch}))
    assert words == (b"Latch", b"enter", b"leave")
    assert mentions_lock(b"gate.enter()", words)
    assert not mentions_lock(b"gate.open()", words)
    assert configured_words(Config(lock_types={"pkg.MyLock": LockType()})) == ()


def test_megabytes_without_a_word_take_little_time() -> None:
    data = b"    the_block = clock(block, condition, acquisition, semantics)\n" * 100_000
    start = time.perf_counter()
    assert not mentions_lock(data)
    assert time.perf_counter() - start < 2
