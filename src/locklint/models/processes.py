"""Calls that fork, that choose how processes are started, and that copy objects for others.

Facts are those of CPython 3.11 to 3.13. The default method differs: Linux forks up to 3.13, others
do not, and no platform does from 3.14 on. So a start of a process is a fork only where a program
says so.
"""

from __future__ import annotations

from locklint.ir.instruction import Call, CallArgument, Constant
from locklint.ir.lock import LockKind

_OF_THREADS = ("threading.", "_thread.")

FORKS = frozenset(("os.fork", "os.forkpty", "pty.fork"))
"""Calls whose result is 0 in the child, which goes on in the same function."""

PROCESS_START = "Process.start"
"""The name of the event that starts a process of `multiprocessing`."""

FORK_METHOD = "fork"
"""The method of `multiprocessing` by which the child is a copy of the parent."""

AT_FORK = frozenset(("os.register_at_fork", "multiprocessing.util.register_after_fork"))
AT_FORK_NAMES = tuple(sorted(dotted.rpartition(".")[2] for dotted in AT_FORK))
"""Calls that let the interpreter run a function at each fork, by which new locks can be made."""

_CHOOSERS = ("multiprocessing.set_start_method", "multiprocessing.get_context")

_COPIERS = frozenset(("copy.deepcopy", "pickle.dump", "pickle.dumps"))
_POOLS = (
    "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.process.",
    "multiprocessing.Pool",
    "multiprocessing.pool.Pool",
)
_POOL_METHODS = frozenset(
    "apply apply_async imap imap_unordered map map_async starmap starmap_async submit".split()
)

OWN_COPIES = frozenset(
    "__copy__ __deepcopy__ __getnewargs__ __getnewargs_ex__ __getstate__ __reduce__"
    " __reduce_ex__".split()
)
"""The methods by which a class says itself how it is copied or pickled."""

_BY_WORDS = {
    ("fork",): frozenset(("fork", "forkpty")),
    ("fork", "exec"): frozenset(
        f"exec{ending}" for ending in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
    ),
    ("fork", "_exit"): frozenset(("_exit",)),
    ("at_fork",): frozenset(("register_at_fork",)),
    ("after_fork",): frozenset(("register_after_fork",)),
    ("multiprocessing",): frozenset(("Process", "get_context", "set_start_method")),
    ("pickle",): frozenset(("dump", "dumps")),
    ("ProcessPoolExecutor",): _POOL_METHODS,
    ("multiprocessing", "Pool"): _POOL_METHODS,
    ("deepcopy",): frozenset(("deepcopy",)),
    ("getpid",): frozenset(("getpid",)),
    ("current_process",): frozenset(("current_process",)),
}
"""The last names of calls of this table, by words that a file with such a call contains."""


def names_about_processes(text: str) -> frozenset[str]:
    """Return the last names of calls, in a file of that text, that this table may know."""
    found = [names for words, names in _BY_WORDS.items() if all(word in text for word in words)]
    return frozenset().union(*found)


def chosen_method(call: Call) -> str | None:
    """Return the method that a call chooses for the start of processes, or None."""
    external = call.external or ""
    if not external.endswith(("set_start_method", "get_context")):
        return None
    if external not in _CHOOSERS and not external.startswith("multiprocessing.context."):
        return None
    for argument in call.arguments:
        if argument.name in (None, "method") and isinstance(argument.value, Constant):
            return argument.value.value if isinstance(argument.value.value, str) else None
    return None


def copied_arguments(call: Call) -> tuple[CallArgument, ...]:
    """Return the arguments that a call copies deeply or pickles."""
    external = call.external or ""
    owner, _, method = external.rpartition(".")
    if external in _COPIERS:
        return call.arguments[:1]
    if method in _POOL_METHODS and owner.startswith(_POOLS):
        return call.arguments
    return ()


def is_deep_copy(dotted: str) -> bool:
    """Return whether a call of that name copies an object in this process."""
    return dotted == "copy.deepcopy"


def is_lock_of_threads(kind: LockKind) -> bool:
    """Return whether a lock excludes only the threads of one process."""
    return kind.name.startswith(_OF_THREADS) and bool(kind.acquire_forms)
