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
_OF_INPUT = {
    "ast.literal_eval": "ValueError",
    "base64.b64decode": "ValueError",
    "binascii.unhexlify": "ValueError",
    "builtins.bytes.decode": "UnicodeDecodeError",
    "builtins.bytes.fromhex": "ValueError",
    "builtins.str.encode": "UnicodeEncodeError",
    "datetime.datetime.fromisoformat": "ValueError",
    "datetime.datetime.strptime": "ValueError",
    "decimal.Decimal": "InvalidOperation",
    "ipaddress.ip_address": "ValueError",
    "ipaddress.ip_interface": "ValueError",
    "ipaddress.ip_network": "ValueError",
    "struct.unpack": "error",
    "struct.unpack_from": "error",
    "subprocess.Popen": "OSError",
    "subprocess.Popen.communicate": "TimeoutExpired",
    "subprocess.Popen.wait": "TimeoutExpired",
    "subprocess.call": "OSError",
    "subprocess.check_call": "CalledProcessError",
    "subprocess.check_output": "CalledProcessError",
    "subprocess.run": "OSError",
    "time.strptime": "ValueError",
    "uuid.UUID": "ValueError",
    "zlib.decompress": "error",
}
_OF_LIBRARIES = {
    "configparser.ConfigParser": "Error",
    "configparser.RawConfigParser": "Error",
    "requests": "RequestException",
    "requests.Session": "RequestException",
    "sqlite3": "Error",
    "sqlite3.Connection": "Error",
    "sqlite3.Cursor": "Error",
}
"""Errors by which handlers are recognised; how likely these calls raise is said elsewhere."""

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
    if name in _OF_INPUT:
        return _OF_INPUT[name]
    module = name.rpartition(".")[0] if name else ""
    return _OF_LIBRARIES.get(module) or error_of_use(name) or _OF_METHODS.get(method, "")


def error_of_use(name: str | None) -> str:
    """Return the class of exceptions that a function raises in ordinary use; empty if none."""
    if name in _OF_NAMES:
        return _OF_NAMES[name]
    return _OF_MODULES.get(name.rpartition(".")[0] if name else "", "")


def usual_error_of_await(name: str | None) -> str:
    """Return the class of exceptions that awaiting what a call gives usually raises, or nothing.

    ``name`` is the dotted name of what is called.
    """
    return _OF_AWAITS.get(name or "", "")
