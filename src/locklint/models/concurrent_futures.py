"""concurrent.futures: the locks that its objects keep (CPython 3.11 to 3.13)."""

from __future__ import annotations

from locklint.models.library import CallResult, Library, TypeAttribute, dotted
from locklint.models.spawns import RUNS_COROUTINE

_MODULES = (
    "concurrent.futures",
    "concurrent.futures._base",
    "concurrent.futures.thread",
    "concurrent.futures.process",
)
_FUTURES = dotted(("concurrent.futures", "concurrent.futures._base"), "Future")
_EXECUTORS = dotted(_MODULES, "Executor", "ThreadPoolExecutor", "ProcessPoolExecutor")
_POOLS = dotted(_MODULES, "ThreadPoolExecutor", "ProcessPoolExecutor")
_THREAD_POOLS = ("multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool")

LIBRARY = Library(
    attributes=(
        TypeAttribute(_FUTURES, "_condition", "threading.Condition"),
        TypeAttribute(_POOLS, "_shutdown_lock", "threading.Lock"),
    ),
    results=(
        CallResult((*dotted(_EXECUTORS, "submit"), RUNS_COROUTINE), "concurrent.futures.Future"),
        CallResult(
            dotted(_THREAD_POOLS, "apply_async", "map_async", "starmap_async"),
            "multiprocessing.pool.AsyncResult",
        ),
    ),
)
