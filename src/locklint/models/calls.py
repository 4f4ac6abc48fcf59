"""Facts about calls that touch no lock: which end the process, call back, wait, or log."""

from __future__ import annotations

from typing import NamedTuple

EXPECTING_MANAGER = "pytest.raises"
"""The name used for all context managers that expect an exception in a test."""

POSITIONS = {"filter": 0, "map": 0, "reduce": 0, "run": 0, "starmap": 0, "sub": 1, "subn": 1}
"""The positions of functions that a callee of one of these names calls before it returns."""

CALLED = frozenset(("key", "repl", "function"))
"""The names of parameters for such functions."""


# logging swallows what its handlers raise (`logging.raiseExceptions` only prints it).
LOGGING_METHODS = frozenset(
    {
        "critical",
        "debug",
        "error",
        "exception",
        "fatal",
        "info",
        "log",
        "warn",
        "warning",
    }
)
LOGGER_TYPES = frozenset({"logging.Logger", "logging.LoggerAdapter", "logging.RootLogger"})

_ENDS_PROCESS = frozenset(
    {
        "builtins.exit",
        "builtins.quit",
        "os._exit",
        "os.abort",
        "os.execl",
        "os.execle",
        "os.execlp",
        "os.execlpe",
        "os.execv",
        "os.execve",
        "os.execvp",
        "os.execvpe",
        "site.exit",
        "site.quit",
        "sys.exit",
    }
)

# By raising SystemExit: `finally` runs, a bare `except` or `except BaseException` catches it.
_ENDS_BY_RAISING = frozenset(
    {"builtins.exit", "builtins.quit", "site.exit", "site.quit", "sys.exit"}
)

# Callables that call what they are given before they return. `map`, `filter` and the functions of
# itertools are lazy and are not among them; `sorted` over a `map` calls through the iteration.
IMMEDIATE_CALLERS: frozenset[str] = frozenset(
    {
        "asyncio.run",
        "bisect.bisect",
        "bisect.bisect_left",
        "bisect.bisect_right",
        "bisect.insort",
        "bisect.insort_left",
        "bisect.insort_right",
        "builtins.max",
        "builtins.min",
        "builtins.sorted",
        "contextvars.Context.run",
        "functools.reduce",
        "heapq.nlargest",
        "heapq.nsmallest",
        "builtins.list.sort",
        "re.sub",
        "re.subn",
        "threading.Condition.wait_for",
        "multiprocessing.Condition.wait_for",
        "asyncio.Condition.wait_for",
    }
)

# Callables that take all items of what they are given before they return, so that the body of a
# generator expression runs to its end.
_ITERATING_CALLS: frozenset[str] = frozenset(
    {
        "builtins.all",
        "builtins.any",
        "builtins.dict",
        "builtins.frozenset",
        "builtins.list",
        "builtins.max",
        "builtins.min",
        "builtins.set",
        "builtins.sorted",
        "builtins.str.join",
        "builtins.sum",
        "builtins.tuple",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.deque",
    }
)


_MAY_CALL_AT_ONCE = frozenset(
    {
        "concurrent.futures.Future.add_done_callback",
        "concurrent.futures._base.Future.add_done_callback",
    }
)


_FUTURES = frozenset({"concurrent.futures.Future", "concurrent.futures._base.Future"})


class DeclaredCalls(NamedTuple):
    """The dotted names of functions of which the settings say more.

    Those that call at once what they are given, and those that may take long.
    """

    immediate: frozenset[str] = frozenset()
    blocking: frozenset[str] = frozenset()


NOTHING_DECLARED = DeclaredCalls()


def named_in(
    declared: frozenset[str], targets: tuple[str, ...], external: str | None
) -> str | None:
    """Return the declared name of a callee: of functions of the project, or a library's."""
    if not declared:
        return None
    names = [target.replace(":", ".", 1) for target in targets]
    names += [external] if external is not None else []
    return next((name for name in names if name in declared), None)


def may_call_at_once(dotted: str) -> bool:
    """Return whether a callable calls its first argument before it returns, or only later.

    A future that is done already runs a new callback in the thread that adds it.
    """
    return dotted in _MAY_CALL_AT_ONCE


def makes_future(dotted: str) -> bool:
    """Return whether a callable makes a future that nothing is to complete yet."""
    return dotted in _FUTURES


def ends_process(dotted: str) -> bool:
    """Return whether calling it ends the process, or means to (``sys.exit`` raises SystemExit)."""
    return (dotted if "." in dotted else f"builtins.{dotted}") in _ENDS_PROCESS


def ends_by_raising(dotted: str) -> bool:
    """Return whether it ends the process by raising SystemExit, so that handlers still run."""
    return (dotted if "." in dotted else f"builtins.{dotted}") in _ENDS_BY_RAISING


def calls_at_once(dotted: str) -> bool:
    """Return whether it calls the callable that it is given before it returns."""
    return (dotted if "." in dotted else f"builtins.{dotted}") in IMMEDIATE_CALLERS


def runs_at_once(dotted: str) -> bool:
    """Return whether it runs the callable or generator expression that it is given at once."""
    return calls_at_once(dotted) or dotted in _ITERATING_CALLS


ATTACHING = {"addHandler": "emit", "addFilter": "filter", "basicConfig": "emit"}
"""The functions that attach an object to a logger, with the method of it that the logger runs."""

LISTENER = "QueueListener"
"""The class whose thread runs the handlers that it is given: no logger does."""


def is_logging(dotted: str) -> bool:
    """Return whether an external call hands a record to the handlers of a logger."""
    owner, _, method = dotted.rpartition(".")
    return owner in ("logging", *LOGGER_TYPES) and method in LOGGING_METHODS | {"handle"}
