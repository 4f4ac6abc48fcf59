"""Calls that make a thread, a task or a process, and the argument that it will run.

Facts are those of CPython 3.11 to 3.13. A name that is not here makes no root: a function passed to
it is then called at an unknown time.
"""

from __future__ import annotations

import msgspec

from locklint.ir.context import Context
from locklint.ir.lock import Argument


class Spawner(msgspec.Struct, frozen=True):
    """A callable that lets a function run beside the caller.

    ``position`` and ``name`` say which argument is the function. What it will be called with is
    either the ``rest`` of the positional arguments, or what the argument ``args`` (at
    ``args_position``) holds.
    """

    context: Context
    position: int | None
    name: str | None = None
    rest: bool = False
    args_position: int | None = None


_THREAD = Spawner(Context.THREAD, 1, "target", args_position=3)
_TIMER = Spawner(Context.THREAD, 1, "function", args_position=2)
_PROCESS = Spawner(Context.PROCESS, 1, "target", args_position=3)
_SUBMIT = Spawner(Context.EXECUTOR, 0, rest=True)
_APPLY = Spawner(Context.EXECUTOR, 0, "func", args_position=1)

_SPAWNERS: dict[str, Spawner] = {
    "threading.Thread": _THREAD,
    "threading.Timer": _TIMER,
    "_thread.start_new_thread": Spawner(Context.THREAD, 0, args_position=1),
    "multiprocessing.Process": _PROCESS,
    "multiprocessing.process.BaseProcess": _PROCESS,
    "multiprocessing.context.Process": _PROCESS,
    "multiprocessing.context.BaseContext.Process": _PROCESS,
    "asyncio.to_thread": _SUBMIT,
    # Mostly in the thread of the pool that did the work.
    "concurrent.futures.Future.add_done_callback": Spawner(Context.EXECUTOR, 0),
    "concurrent.futures._base.Future.add_done_callback": Spawner(Context.EXECUTOR, 0),
    "gevent.spawn": Spawner(Context.TASK, 0, rest=True),
    "eventlet.spawn": Spawner(Context.TASK, 0, rest=True),
}

_METHODS: dict[str, Spawner] = {
    "submit": _SUBMIT,
    "run_in_executor": Spawner(Context.EXECUTOR, 1, rest=True),
    "apply_async": _APPLY,
    "call_soon_threadsafe": Spawner(Context.TASK, 0, rest=True),
    "call_soon": Spawner(Context.TASK, 0, rest=True),
    "call_later": Spawner(Context.TASK, 1, rest=True),
    "add_signal_handler": Spawner(Context.TASK, 1, rest=True),
}

# Their names are too common to decide where to look.
_ITEM = Spawner(Context.EXECUTOR, 0, "func")
_FOR_ITEMS: dict[str, Spawner] = {
    "apply": _APPLY,
    **dict.fromkeys(("imap", "imap_unordered", "map", "map_async", "starmap"), _ITEM),
    "starmap_async": _ITEM,
}

RUN_BY_POOL = frozenset(("submit", "apply_async", *_FOR_ITEMS))
"""The methods of pools of threads that let the pool run a function."""

_EXECUTORS = (
    "concurrent.futures.",
    "multiprocessing.pool.ThreadPool",
    "multiprocessing.dummy.",
    "asyncio.",
)

THREAD_POOL = "ThreadPoolExecutor"
"""The last name of the executors that run functions in threads."""

RUNS_IN_EXECUTOR = ".run_in_executor"
"""The end of the name of the method of a loop that gives a function to an executor."""

POOL_SIZE = Argument("max_workers", 0)
"""The argument that says how many threads an executor has."""

RUNS_COROUTINE = "asyncio.run_coroutine_threadsafe"
"""The call that lets the thread of an event loop run a coroutine, and gives a future."""

STARTS_TASKS = frozenset(
    "as_completed call_later call_soon create_task ensure_future gather run_coroutine_threadsafe"
    " start_server start_soon".split()
)
"""Last names of calls that let coroutines or callbacks run beside the task that calls."""

RUNS_FIRST = frozenset(("contextvars.Context.run",))
"""Functions that call their first argument with the others, and so are passed with it."""


def _makers(*contexts: Context) -> frozenset[str]:
    return frozenset(
        dotted.rpartition(".")[2]
        for dotted, spawner in (*_SPAWNERS.items(), *_METHODS.items())
        if spawner.context in contexts
    )


THREAD_MAKERS = _makers(Context.THREAD, Context.EXECUTOR)
"""The last names of what starts threads. They only decide where to look."""

DAEMON = "daemon"
"""The attribute that says whether the interpreter leaves a thread alone at its end."""

SETTERS_OF_THREADS = frozenset((DAEMON, "setDaemon"))
"""The attribute, and the method, that say whether the interpreter joins a thread at its end."""

PROCESS_MAKERS = _makers(Context.PROCESS)
"""The last names of what starts processes."""

DRIVERS = frozenset(("main", "_main", "run_main", "__main__"))
"""Functions of modules that only one thread runs, by their names, if nothing calls them."""

_TESTS = frozenset(("conftest", "test", "testing", "tests"))

THREAD_CLASSES = frozenset({"threading.Thread", "threading.Timer", "multiprocessing.dummy.Process"})
"""Classes whose subclasses run their method ``run`` in a thread of its own."""

PROCESS_CLASSES = frozenset(
    f"multiprocessing.{name}"
    for name in (
        "Process",
        "process.BaseProcess",
        "context.Process",
        "context.ForkProcess",
        "context.ForkServerProcess",
        "context.SpawnProcess",
    )
)
"""Classes whose subclasses run their method ``run`` in a process of its own."""


def is_test(module: str, name: str) -> bool:
    """Return whether a test runner collects a function of a module, by the names of both.

    These are the conventions of pytest and unittest, which run one test after the other.
    """
    file = module.rpartition(".")[2]
    return name.startswith("test") and (file.startswith("test") or file.endswith("_test"))


def is_of_tests(module: str) -> bool:
    """Return whether a module belongs to tests, by the names of it and of its packages."""
    return any(
        part in _TESTS or part.startswith("test_") or part.endswith("_test")
        for part in module.split(".")
    )


def spawner(dotted: str) -> Spawner | None:
    """Return what a call of an external name starts. Return None if it starts nothing."""
    known = _SPAWNERS.get(dotted)
    if known is not None:
        return known
    owner, _, method = dotted.rpartition(".")
    if not f"{owner}.".startswith(_EXECUTORS):
        return None
    if method in _FOR_ITEMS and not is_of_processes(owner):
        return _FOR_ITEMS[method]
    return _METHODS.get(method)


def is_of_processes(dotted: str) -> bool:
    """Return whether what is given to a call runs in another process."""
    return "ProcessPool" in dotted


def runs_elsewhere(dotted: str) -> bool:
    """Return whether what is given to a call may run in a process, or in the thread of a loop.

    A future of `run_coroutine_threadsafe` runs its callbacks in the loop.
    """
    return is_of_processes(dotted) or dotted.endswith(".add_done_callback")
