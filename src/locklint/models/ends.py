"""Tables of calls by which a program finds out, or makes sure, that a wait ends at once."""

from __future__ import annotations

from locklint.ir.instruction import Call, Constant, has_timeout

ENDED_IF = {
    "cancel": True,
    "cancelled": True,
    "done": True,
    "empty": False,
    "is_alive": False,
    "isSet": True,
    "is_set": True,
    "qsize": True,
    "ready": True,
}
"""The methods that tell whether their object has ended or has something, and the value then."""

CODES = frozenset(("exitcode", "poll", "returncode"))
"""The attributes and methods of processes that are None until the process has ended."""

TAKES = frozenset(("get", "get_nowait"))
"""The methods that take an item from a queue."""

FILLS = frozenset(("add", "append", "appendleft", "insert", "put"))
"""The methods that put an object into a container."""

_WAITS = {"communicate": 1, "exception": 0, "join": 0, "result": 0, "wait": 0}
"""The methods after which their object has ended, with the position of the timeout."""

_KILLS = frozenset(("subprocess.Popen.kill", "asyncio.subprocess.Process.kill"))

_WAITS_FOR_ALL = frozenset(("asyncio.gather", "asyncio.wait", "concurrent.futures.wait"))
"""Functions that wait for all that they are given, unless they are given more."""

_GIVES_ENDED = frozenset(("concurrent.futures.as_completed", "multiprocessing.connection.wait"))
_GIVES_ENDED_FIRST = frozenset(("asyncio.wait", "concurrent.futures.wait"))


def ends(call: Call) -> bool:
    """Return whether what a method is called on has ended when the call returns."""
    name = "" if call.callee is None or not call.callee.fields else call.callee.name
    external = call.external or ""
    if external in _KILLS or (external.startswith("multiprocessing.") and name in _KILLS_WORKER):
        return True
    if name == "shutdown":
        return not any(each.value == Constant(False) for each in call.arguments)
    return name in _WAITS and not has_timeout(call.arguments, _WAITS[name])


_KILLS_WORKER = frozenset(("kill", "terminate"))


def ends_arguments(call: Call) -> bool:
    """Return whether all that a function is given has ended when it returns."""
    return call.external in _WAITS_FOR_ALL and not any(each.name for each in call.arguments)


def gives_ended(call: Call) -> bool:
    """Return whether a function gives only those that have ended."""
    return call.external in _GIVES_ENDED


def gives_ended_first(call: Call) -> bool:
    """Return whether the first that a function gives are those that have ended."""
    return call.external in _GIVES_ENDED_FIRST
