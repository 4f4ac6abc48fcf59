"""Grades of functions and methods outside the program: how likely they raise, and what.

Nearly everything in Python may raise; a finding that depends on `len` raising would not be
believed. So each callable has a grade:

- ``NEVER``: cannot raise, with any arguments (short of MemoryError and KeyboardInterrupt);
- ``UNLIKELY``: raises only on a programming error (a wrong type, a missing argument), or calls code
  of an object's own class (``__eq__``, ``__repr__``) that is expected not to raise;
- ``POSSIBLE``: raises if the program's own data is wrong: a key that a container does not have;
- ``LIKELY``: fails in ordinary use: input and output, parsing, removing from an empty container;
- ``UNKNOWN``: everything else.

A method is graded by its bare name only where its receiver is unknown and the name is one of the
containers' and primitives' own. Facts are CPython 3.11 to 3.13's.
"""

from __future__ import annotations

import re
from enum import IntEnum

from locklint.models.calls import LOGGER_TYPES, LOGGING_METHODS


class CallGrade(IntEnum):
    """Grades of how likely a call raises."""

    NEVER = 0
    UNLIKELY = 1
    POSSIBLE = 2
    UNKNOWN = 3
    LIKELY = 4


_FUTURES = (
    "asyncio.Future",
    "asyncio.Task",
    "asyncio.futures.Future",
    "asyncio.tasks.Task",
    "concurrent.futures.Future",
)
_NEVER = frozenset(
    {
        *(
            f"{future}.{method}"
            for future in _FUTURES
            for method in ("cancel", "cancelled", "done")
        ),
        "builtins.callable",
        "builtins.globals",
        "builtins.id",
        "builtins.locals",
        "builtins.object",
        "builtins.type",
        "gc.isenabled",
        "os.environ.get",
        "os.getenv",
        "os.getpid",
        "os.getppid",
        "sys.exc_info",
        "sys.getrefcount",
        "threading.active_count",
        "threading.get_ident",
        "threading.get_native_id",
        "threading.main_thread",
        "_thread.get_ident",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.process_time",
        "time.process_time_ns",
        "time.thread_time",
        "time.time",
        "time.time_ns",
    }
)

# With the arguments that these are written with, only a programming error makes them raise.
_UNLIKELY = frozenset(
    {
        "asyncio.Condition",
        "asyncio.Event",
        "asyncio.Lock",
        "asyncio.Semaphore",
        "asyncio.current_task",
        "asyncio.get_running_loop",
        "builtins.BaseException",
        "builtins.Exception",
        "builtins.KeyError",
        "builtins.RuntimeError",
        "builtins.TypeError",
        "builtins.ValueError",
        "builtins.abs",
        "builtins.bool",
        "builtins.bytearray",
        "builtins.dict",
        "builtins.dir",
        "builtins.enumerate",
        "builtins.frozenset",
        "builtins.getattr",  # with a default; without one it is graded as reading the attribute
        "builtins.hasattr",
        "builtins.hash",
        "builtins.isinstance",
        "builtins.issubclass",
        "builtins.iter",
        "builtins.len",
        "builtins.list",
        "builtins.print",
        "builtins.range",
        "builtins.repr",
        "builtins.reversed",
        "builtins.set",
        "builtins.slice",
        "builtins.str",
        "builtins.super",
        "builtins.tuple",
        "builtins.vars",
        "builtins.zip",
        "builtins.filter",
        "builtins.map",
        "contextlib.ExitStack",
        "contextlib.nullcontext",
        "contextlib.suppress",
        "functools.partial",
        "gc.disable",
        "gc.enable",
        "inspect.currentframe",
        "logging.getLogger",
        "os.fspath",
        "pytest.raises",
        "queue.LifoQueue",
        "queue.PriorityQueue",
        "queue.Queue",
        "queue.SimpleQueue",
        "threading.BoundedSemaphore",
        "threading.Condition",
        "threading.Event",
        "threading.Lock",
        "threading.RLock",
        "threading.Semaphore",
        "threading.Thread",
        "threading.Timer",
        "threading.current_thread",
        "threading.currentThread",
        "threading.enumerate",
        "threading.local",
        "warnings.warn",
    }
)

# Modules of the standard library that only calculate, with the exceptions, which fail in ordinary
# use: they parse, or remove from what may be empty.
_CALCULATING_MODULES: dict[str, frozenset[str]] = {
    module: frozenset(failing.split())
    for module, failing in {
        "base64": "a85decode b16decode b32decode b64decode b85decode decodebytes urlsafe_b64decode",
        "collections": "",
        "colorsys": "",
        "contextvars": "",
        "copy": "",
        "dataclasses": "",
        "datetime": "",
        "datetime.datetime": "fromisoformat strptime",
        "enum": "",
        "hashlib": "file_digest new",
        "hmac": "",
        "html": "",
        "itertools": "",
        "keyword": "",
        "logging": "FileHandler basicConfig captureWarnings shutdown",
        "math": "",
        "operator": "",
        "os.path": "getatime getctime getmtime getsize realpath relpath samefile",
        "platform": "",
        "random": "choice choices sample",
        "re": "",
        "secrets": "choice",
        "string": "",
        "sys": "",
        "textwrap": "",
        "time": "strptime",
        "traceback": "",
        "types": "",
        "typing": "",
        "unicodedata": "",
        "uuid": "UUID",
        "weakref": "",
    }.items()
}

# Their classes only calculate, too: `re.Pattern.match`, `datetime.timedelta.total_seconds`, and
# what their functions give (`hashlib.sha256().update`).
_CALCULATING_CLASSES = frozenset({"datetime", "hashlib", "hmac", "re", "uuid"})
_PARSING = frozenset({"fromisoformat", "strptime"})

# These look at each value that they are given: comparing or adding them fails by their types only.
_OVER_VALUES = frozenset({"builtins.all", "builtins.any", "builtins.sorted", "builtins.sum"})

_LOGGER_METHODS = LOGGING_METHODS | {
    "addHandler",
    "getChild",
    "getEffectiveLevel",
    "isEnabledFor",
    "removeHandler",
    "setLevel",
}

# Names under which programs keep their loggers, and what they call the levels of their own.
# Nothing is reported because of these names, only left out.
_LOGGER_NAME = re.compile(r"(?:.*_|[a-z])?(?:log|logger|logging)_*", re.IGNORECASE)
_OWN_LEVELS = frozenset({"always", "notice", "success", "trace", "verbose"})

# Methods of containers, strings, events and conditions that raise only on a programming error.
# `remove`, `index`, `pop`, `popleft`, `popitem` and `put` are not among them: they raise on a
# container's ordinary states. `get` is, although a queue's or a client's may raise: most are
# mappings', and where the receiver's type is known it decides instead.
_UNLIKELY_METHODS = frozenset(
    {
        "add",
        "append",
        "appendleft",
        "assertRaises",
        "assertRaisesRegex",
        "cancel",
        "cancelled",
        "casefold",
        "clear",
        "close",
        "copy",
        "count",
        "difference",
        "difference_update",
        "discard",
        "done",
        "endswith",
        "extend",
        "extendleft",
        "get",
        "get_name",
        "getName",
        "insert",
        "intersection",
        "intersection_update",
        "isSet",
        "is_alive",
        "is_set",
        "isdigit",
        "isdisjoint",
        "issubset",
        "issuperset",
        "items",
        "join",
        "keys",
        "locked",
        "lower",
        "lstrip",
        "move_to_end",
        "notify",
        "notifyAll",
        "notify_all",
        "partition",
        "qsize",
        "replace",
        "reverse",
        "rpartition",
        "rsplit",
        "rstrip",
        "set",
        "setdefault",
        "setDaemon",
        "sort",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "symmetric_difference",
        "task_done",
        "title",
        "union",
        "update",
        "upper",
        "values",
    }
)

_CONTAINER_METHODS = frozenset(
    "add append appendleft discard extend extendleft items keys values".split()
)

# Methods that wait for others, or work on files, connections and their contents.
_LIKELY_METHODS = frozenset(
    "commit connect dump dumps execute executemany fetch fetchall fetchone load loads open parse"
    " pop popitem post put read readline recvfrom request result send sendto"
    " start submit urlopen write writelines".split()
)
_CALLBACKS = ("callback", "handler", "hook", "listener")

# Libraries whose calls fail in ordinary use: they work on files, start programs, parse, or talk to
# servers and devices.
_LIKELY_LIBRARIES = frozenset(
    "builtins configparser csv ctypes dbm email ftplib gzip http imaplib json lzma marshal mmap"
    " multiprocessing os pathlib pickle poplib select shutil signal smtplib socket sqlite3 ssl"
    " struct subprocess tarfile tempfile termios urllib xml xmlrpc zipfile zlib"
    " MySQLdb aiohttp aiomysql asyncpg boto3 botocore cassandra confluent_kafka grpc httplib2 httpx"
    " kafka kazoo ldap3 paramiko pika psycopg psycopg2 pymongo pymysql redis requests serial smbus"
    " sqlalchemy urllib3 usb websocket websockets zmq".split()
)

# Known external methods, where the receiver's type was found.
_UNLIKELY_TYPED = frozenset(
    {
        "asyncio.Event.clear",
        "asyncio.Event.is_set",
        "asyncio.Event.set",
        "asyncio.Lock.locked",
        "multiprocessing.Event.clear",
        "multiprocessing.Event.is_set",
        "multiprocessing.Event.set",
        "queue.Queue.empty",
        "queue.Queue.full",
        "queue.Queue.qsize",
        "queue.SimpleQueue.put",
        "threading.Event.clear",
        "threading.Event.is_set",
        "threading.Event.set",
        "threading.Event.wait",
        "threading.Lock.locked",
        "threading.Thread.is_alive",
    }
)

_CALCULATING_PATHS = frozenset(
    "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath absolute as_posix as_uri cwd"
    " expanduser full_match home is_absolute is_relative_to is_reserved joinpath match with_name"
    " with_segments with_stem with_suffix".split()
)
# These fail for a path of the wrong kind, or one that may not be looked at.
_ASKING_PATHS = frozenset(
    "exists is_block_device is_char_device is_dir is_fifo is_file is_mount is_socket is_symlink"
    " relative_to".split()
)
_TEXT_METHODS = frozenset(
    "casefold endswith isdigit lower lstrip partition removeprefix removesuffix replace rpartition"
    " rsplit rstrip split splitlines startswith strip title upper".split()
)

_USUAL_ERRORS = {
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
# These fail for what a container does not have. That is a mistake in the program's own data, as it
# is where an element is read or deleted.
_ASKING_FOR_CONTENTS = frozenset(
    {
        "builtins.list.index",
        "builtins.list.remove",
        "builtins.set.remove",
        "collections.deque.remove",
    }
)

_USUAL_ERRORS_OF_MODULES = {
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
_USUAL_ERRORS_OF_METHODS = {
    **dict.fromkeys(
        # Of files, sockets and paths, however they were made.
        "accept bind close connect fileno flush getpeername getsockname listen mkdir recv rmdir"
        " seek sendall setsockopt stat tell touch truncate unlink".split(),
        "OSError",
    ),
    "get_nowait": "Empty",
    "pop": "LookupError",  # KeyError or IndexError: the handler knows which.
    "popleft": "IndexError",
    "put_nowait": "Full",
}


def usual_error(name: str | None, method: str) -> str:
    """Return the class of exceptions that a call raises if it is used as it is meant to be.

    ``name`` is the dotted name of what is called, ``method`` its last part as it is written. Empty
    if none is known.
    """
    if name in _USUAL_ERRORS:
        return _USUAL_ERRORS[name]
    module = name.rpartition(".")[0] if name else ""
    return _USUAL_ERRORS_OF_MODULES.get(module) or _USUAL_ERRORS_OF_METHODS.get(method, "")


def name_grade(
    dotted: str,
    arguments: int = 0,
    *,
    runs_code: bool = False,
    is_method: bool = False,
    by_key: bool = False,
) -> CallGrade:
    """Return how likely the external callable with that absolute dotted name is to raise.

    ``arguments`` is how many it gets; ``runs_code``: among them is code that it may run;
    ``is_method``: it is called as a method; ``by_key``: with one argument, and that is no number.

    Builtins are ``builtins.len`` or plainly ``len``; a method of a known external type is
    ``type.method`` (``threading.Event.set``).
    """
    name = dotted if "." in dotted else f"builtins.{dotted}"
    if name in _NEVER:
        return CallGrade.NEVER
    if name in _UNLIKELY or name in _UNLIKELY_TYPED:
        return CallGrade.UNLIKELY
    if name in _OVER_VALUES and not runs_code:
        return CallGrade.UNLIKELY
    if name in ("builtins.max", "builtins.min") and arguments > 1:
        return CallGrade.UNLIKELY  # One alone may be empty.
    owner, _, method = name.rpartition(".")
    if owner in _CALCULATING_MODULES and method not in _CALCULATING_MODULES[owner]:
        return CallGrade.UNLIKELY
    if owner.partition(".")[0] in _CALCULATING_CLASSES:
        if method not in _CALCULATING_MODULES.get(owner, _PARSING):
            return CallGrade.UNLIKELY
    if owner == "contextvars.ContextVar":
        # `get` fails without a value, `reset` in another context.
        return CallGrade.UNLIKELY if method == "set" else CallGrade.POSSIBLE
    if owner in LOGGER_TYPES and method in _LOGGER_METHODS:
        return CallGrade.UNLIKELY
    if owner in _CONTAINER_TYPES and method in _UNLIKELY_METHODS:
        return CallGrade.UNLIKELY
    if is_method and method == "close":
        return CallGrade.UNLIKELY  # Closing hardly ever fails.
    if name.startswith("pathlib."):
        return _path_grade(method)
    if is_method and "()" in owner and method in _TEXT_METHODS:
        return CallGrade.UNLIKELY  # What a call gave is a text, by the name of the method.
    if method == "__init__":
        return _grade_of_base(owner, arguments)
    if name in _ASKING_FOR_CONTENTS or (by_key and name == "builtins.dict.pop"):
        return CallGrade.POSSIBLE
    if runs_code or name.partition(".")[0] in _LIKELY_LIBRARIES or usual_error(name, ""):
        return CallGrade.LIKELY
    if is_method and method in _CONTAINER_METHODS:
        return CallGrade.UNLIKELY  # A method of a container, by its name.
    return _by_name(method, by_key) if is_method else CallGrade.UNKNOWN


def _path_grade(method: str) -> CallGrade:
    """Return how likely a method of a path, or of what a path's method gave, is to raise."""
    if method in _CALCULATING_PATHS or method in _TEXT_METHODS:
        return CallGrade.UNLIKELY
    return CallGrade.POSSIBLE if method in _ASKING_PATHS else CallGrade.LIKELY


def _grade_of_base(base: str, arguments: int) -> CallGrade:
    """Return how likely the initialiser of a base class outside the program is to raise."""
    grade = name_grade(base, arguments)
    if grade is CallGrade.UNKNOWN and not arguments:
        return CallGrade.UNLIKELY  # It sets up what it has: nothing is passed to it.
    return grade


def _by_name(method: str, by_key: bool) -> CallGrade:
    """Return how likely a method of an unknown object is to raise, by its name."""
    if method in ("index", "remove") or (by_key and method == "pop"):
        return CallGrade.POSSIBLE  # As that of a container.
    return CallGrade.LIKELY if _fails(method) else CallGrade.UNKNOWN


def _fails(method: str) -> bool:
    """Return whether a method fails in ordinary use, or runs code that others have chosen."""
    bare = method.lstrip("_")
    is_callback = bare.startswith("on_") or bare.endswith(_CALLBACKS)
    return is_callback or method in _LIKELY_METHODS or method in _USUAL_ERRORS_OF_METHODS


_CONTAINER_TYPES = frozenset(
    {
        "builtins.bytearray",
        "builtins.bytes",
        "builtins.dict",
        "builtins.frozenset",
        "builtins.list",
        "builtins.set",
        "builtins.str",
        "builtins.tuple",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.deque",
        "weakref.WeakKeyDictionary",
        "weakref.WeakSet",
        "weakref.WeakValueDictionary",
    }
)


def method_grade(method: str, receiver: str = "", *, by_key: bool = False) -> CallGrade:
    """Return how likely a method is to raise where its receiver's type is unknown.

    ``receiver`` is the last name of the receiver as written (``log`` of ``self.log.error(...)``);
    ``by_key``: the call has one argument, and that is no number.
    """
    if method in _UNLIKELY_METHODS:
        return CallGrade.UNLIKELY
    if is_log_call(method, receiver):
        return CallGrade.UNLIKELY
    return _by_name(method, by_key)


def is_log_call(method: str, receiver: str) -> bool:
    """Return whether a method seems to write to a log, by its name and its receiver's last one.

    Callers of ``self.log.error(...)`` do not expect it to raise, with any kind of logger.
    """
    is_level = method in _LOGGER_METHODS or method in _OWN_LEVELS
    return is_level and _LOGGER_NAME.fullmatch(receiver) is not None
