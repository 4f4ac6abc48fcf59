"""Classes of exceptions that calls raise if they are used as they are meant to be."""

from __future__ import annotations

_OF_NAMES = {
    "builtins.open": "OSError",
    "io.open": "OSError",
    "builtins.int": "ValueError",
    "builtins.float": "ValueError",
    "builtins.dict.pop": "KeyError",
    "builtins.dict.popitem": "KeyError",
    "builtins.list.index": "ValueError",
    "builtins.list.pop": "IndexError",
    "builtins.list.remove": "ValueError",
    "builtins.next": "StopIteration",
    "builtins.set.pop": "KeyError",
    "builtins.set.remove": "KeyError",
    "collections.deque.pop": "IndexError",
    "collections.deque.popleft": "IndexError",
    "collections.deque.remove": "ValueError",
    "json.load": "JSONDecodeError",
    "json.loads": "JSONDecodeError",
}
_OF_MODULES = {
    "fcntl": "OSError",
    "msvcrt": "OSError",
    "multiprocessing": "OSError",
    "os": "OSError",
    "os.path": "OSError",
    "pathlib": "OSError",
    "pathlib.Path": "OSError",
    "select": "OSError",
    "shutil": "OSError",
    "socket": "OSError",
    "socket.socket": "OSError",
}
_OF_METHODS = {
    **dict.fromkeys(
        # Of files, sockets and paths, however they were made.
        "accept bind close connect fileno flush getpeername getsockname listen mkdir read readinto"
        " readline recv recv_into recvfrom recvmsg rmdir seek send sendall sendmsg sendto"
        " setsockopt shutdown stat tell touch truncate unlink write writelines".split(),
        "OSError",
    ),
    "get_nowait": "Empty",
    "pop": "LookupError",  # KeyError or IndexError: the handler knows which.
    "popleft": "IndexError",
    "put_nowait": "Full",
}

_OF_AWAITS = {
    "asyncio.create_subprocess_exec": "OSError",
    "asyncio.create_subprocess_shell": "OSError",
    "asyncio.open_connection": "OSError",
    "asyncio.open_unix_connection": "OSError",
    "asyncio.start_server": "OSError",
    "asyncio.start_unix_server": "OSError",
    "asyncio.wait_for": "TimeoutError",
}

METHODS_WITH_USUAL_ERRORS = frozenset(_OF_METHODS)


def usual_error(name: str | None, method: str) -> str:
    """Return the class of exceptions that a call raises if it is used as it is meant to be.

    ``name`` is the dotted name of what is called, ``method`` its last part as it is written. Empty
    if none is known.
    """
    if name in _OF_NAMES:
        return _OF_NAMES[name]
    module = name.rpartition(".")[0] if name else ""
    return _OF_MODULES.get(module) or _OF_METHODS.get(method, "")


def usual_error_of_await(name: str | None) -> str:
    """Return the class of exceptions that awaiting what a call gives usually raises, or nothing.

    ``name`` is the dotted name of what is called.
    """
    return _OF_AWAITS.get(name or "", "")
