"""Calls that fork, that choose how processes are started, and that copy objects for others.

Facts are those of CPython 3.11 to 3.13. The default method differs: Linux forks up to 3.13, others
do not, and no platform does from 3.14 on. So a start of a process is a fork only where a program
says so.
"""

from __future__ import annotations

from locklint.ir.instruction import Call, CallArgument, Constant

FORKS = frozenset(("os.fork", "os.forkpty", "pty.fork"))
"""Calls whose result is 0 in the child, which goes on in the same function."""

PROCESS_START = "Process.start"
"""The name of the event that starts a process of `multiprocessing`."""

FORK_METHOD = "fork"
"""The method of `multiprocessing` by which the child is a copy of the parent."""

AT_FORK = frozenset(("os.register_at_fork", "multiprocessing.util.register_after_fork"))
"""Calls that let the interpreter run a function at each fork, by which new locks can be made."""

_CHOOSERS = ("multiprocessing.set_start_method", "multiprocessing.get_context")

# The position of the copied object. Copies of deeper objects are made by the same protocol.
_COPIES: dict[str, int] = {
    "copy.deepcopy": 0,
    "pickle.dump": 0,
    "pickle.dumps": 0,
    "pickle.Pickler.dump": 0,
}

OWN_COPIES = frozenset(
    "__copy__ __deepcopy__ __getnewargs__ __getnewargs_ex__ __getstate__ __reduce__"
    " __reduce_ex__".split()
)
"""The methods by which a class says itself how it is copied or pickled."""

_BY_WORD = {
    "fork": frozenset(("fork", "forkpty")),
    "at_fork": frozenset(("register_at_fork",)),
    "after_fork": frozenset(("register_after_fork",)),
    "multiprocessing": frozenset(("Process", "get_context", "set_start_method")),
    "pickle": frozenset(("dump", "dumps")),
    "deepcopy": frozenset(("deepcopy",)),
    "getpid": frozenset(("getpid",)),
    "current_process": frozenset(("current_process",)),
}


def names_about_processes(text: str) -> frozenset[str]:
    """Return the last names of calls, in a file of that text, that this table may know."""
    found = [names for word, names in _BY_WORD.items() if word in text]
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


def copied_argument(call: Call) -> CallArgument | None:
    """Return the argument that a call copies or pickles with all that it leads to, or None."""
    position = _COPIES.get(call.external or "")
    if position is None or any(argument.star for argument in call.arguments):
        return None
    plain = [argument for argument in call.arguments if argument.name in (None, "obj", "x")]
    return plain[position] if position < len(plain) else None
