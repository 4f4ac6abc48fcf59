"""`_begin_next` calls `add_done_callback` with its lock held.

A future that is already done runs the callback at once, in the same thread. The callback calls
`_begin_next` again, which waits for the lock that its own thread holds.
"""
# Needs: pip install cellxgene-census==1.18.0

import os
import sys
import threading

from cellxgene_census.experimental.util._eager_iter import _EagerBufferedIterator

runs = 0


def read_lists() -> None:
    global runs
    while runs < 1000:
        runs += 1
        list(_EagerBufferedIterator(iter(["a", "b", "c"])))


def calls_of_begin_next(thread: threading.Thread) -> int:
    frame, count = sys._current_frames().get(thread.ident), 0
    while frame:
        count += frame.f_code.co_name == "_begin_next"
        frame = frame.f_back
    return count


threading.Thread(target=read_lists, daemon=True).start()
before = -1
while runs < 1000 and runs != before:
    before = runs
    threading.Event().wait(2)
blocked = any(calls_of_begin_next(thread) > 1 for thread in threading.enumerate())
if blocked:
    print(f"blocked: list {runs}; a thread in _begin_next waits for its own lock", flush=True)
os._exit(0 if blocked else 1)
