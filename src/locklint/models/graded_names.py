"""Names outside the program by how likely what they name raises: the tables of `grades`.

Facts are CPython 3.11 to 3.13's.
"""

from __future__ import annotations

import builtins
import re

from locklint.models.calls import LOGGING_METHODS

REFERENCES = frozenset(
    f"weakref.{name}" for name in ("ref", "KeyedRef", "ReferenceType", "WeakMethod")
)
REFERENT = "weakref.ref.__call__"
"""The call of a weak reference, which gives what it leads to, or None."""

_FUTURES = (
    "asyncio.Future",
    "asyncio.Task",
    "asyncio.futures.Future",
    "asyncio.tasks.Task",
    "concurrent.futures.Future",
)
# Functions that give an event loop, and its methods that only tell something.
LOOPS = frozenset(
    f"asyncio.{name}"
    for name in "AbstractEventLoop get_event_loop get_running_loop new_event_loop".split()
)
TELLING_METHODS = frozenset({"get_debug", "is_closed", "is_running", "time"})

NEVER = frozenset(
    {
        *(
            f"{future}.{method}"
            for future in _FUTURES
            for method in ("cancel", "cancelled", "done")
        ),
        "concurrent.futures.Future.running",
        *(f"weakref.finalize.{method}" for method in ("detach", "peek")),
        REFERENT,
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
        "_thread.get_native_id",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.process_time",
        "time.process_time_ns",
        "time.thread_time",
        "time.time",
        "time.time_ns",
        "timeit.default_timer",
        "typing.assert_type",
        "typing.cast",
        "typing_extensions.assert_type",
        "typing_extensions.cast",
    }
)

# With the arguments that these are written with, only a programming error makes them raise.
UNLIKELY = frozenset(
    {
        "asyncio.Condition",
        "asyncio.Event",
        "asyncio.Lock",
        "asyncio.Semaphore",
        "asyncio.current_task",
        "asyncio.get_running_loop",
        "asyncio.iscoroutine",
        "asyncio.iscoroutinefunction",
        "asyncio.isfuture",
        "builtins.BaseException",
        "builtins.Exception",
        "builtins.KeyError",
        "builtins.RuntimeError",
        "builtins.TypeError",
        "builtins.ValueError",
        "builtins.abs",
        "builtins.bin",
        "builtins.bool",
        "builtins.bytearray",
        "builtins.chr",
        "builtins.dict",
        "builtins.dir",
        "builtins.divmod",
        "builtins.enumerate",
        "builtins.frozenset",
        "builtins.getattr",  # with a default; without one it is graded as reading the attribute
        "builtins.hasattr",
        "builtins.hash",
        "builtins.hex",
        "builtins.isinstance",
        "builtins.issubclass",
        "builtins.iter",
        "builtins.len",
        "builtins.list",
        "builtins.oct",
        "builtins.ord",
        "builtins.pow",
        "builtins.print",
        "builtins.range",
        "builtins.repr",
        "builtins.reversed",
        "builtins.set",
        "builtins.setattr",  # as a statement that binds the attribute
        "builtins.slice",
        "builtins.str",
        "builtins.super",
        "builtins.tuple",
        "builtins.vars",
        "builtins.zip",
        "builtins.filter",
        "builtins.map",
        "concurrent.futures.Future",
        "contextlib.ExitStack",
        "contextlib.nullcontext",
        "contextlib.suppress",
        "functools.partial",
        "importlib.invalidate_caches",
        "inspect.currentframe",
        "io.BytesIO",
        "io.StringIO",
        "logging.getLogger",
        "multiprocessing.active_children",
        "multiprocessing.cpu_count",
        "multiprocessing.current_process",
        "multiprocessing.parent_process",
        *(f"os.{name}" for name in "WEXITSTATUS WIFEXITED WIFSIGNALED WIFSTOPPED WTERMSIG".split()),
        *(f"os.environ.{name}" for name in "copy items keys values".split()),
        "os.fspath",
        "pytest.raises",
        "queue.LifoQueue",
        "queue.PriorityQueue",
        "queue.Queue",
        "queue.SimpleQueue",
        "resource.getrusage",
        "shutil.get_terminal_size",
        "shutil.which",
        "signal.alarm",
        "signal.getitimer",
        "signal.getsignal",
        "signal.pthread_sigmask",
        "signal.setitimer",
        "signal.siginterrupt",
        "socket.gethostname",
        *(f"socket.{name}" for name in "htonl htons ntohl ntohs".split()),
        *(f"sys.{stream}.{name}" for stream in ("stderr", "stdout") for name in ("flush", "write")),
        *(f"sys.{stream}.isatty" for stream in ("stderr", "stdin", "stdout")),
        "threading.Barrier",
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
        "threading.setprofile",
        "threading.settrace",
        "threading.stack_size",
        "tracemalloc.get_traced_memory",
        "tracemalloc.is_tracing",
        "urllib.parse.quote",
        "urllib.parse.quote_plus",
        "warnings.warn",
    }
)

IGNORING = {"shutil.rmtree": "ignore_errors"}
"""Functions that let no error out, each with the argument that says so."""

# Modules of the standard library that only calculate, with the exceptions, which fail in ordinary
# use: they parse, or remove from what may be empty.
CALCULATING_MODULES: dict[str, frozenset[str]] = {
    module: frozenset(failing.split())
    for module, failing in {
        "atexit": "",
        "binascii": "a2b_base64 a2b_hex a2b_qp a2b_uu unhexlify",
        "base64": "a85decode b16decode b32decode b64decode b85decode decodebytes urlsafe_b64decode",
        "calendar": "",
        "cmath": "",
        "collections": "",
        "colorsys": "",
        "contextvars": "",
        "copy": "",
        "ctypes": "CDLL OleDLL PyDLL WinDLL",
        "dataclasses": "",
        "difflib": "",
        "datetime": "",
        "datetime.datetime": "fromisoformat strptime",
        "enum": "",
        "fnmatch": "",
        "gc": "",
        "hashlib": "file_digest new",
        "hmac": "",
        "html": "",
        "itertools": "",
        "keyword": "",
        "linecache": "",
        "logging": "FileHandler basicConfig captureWarnings shutdown",
        "math": "",
        "operator": "",
        "os.path": "getatime getctime getmtime getsize realpath relpath samefile",
        "platform": "",
        "pprint": "",
        "random": "choice choices sample",
        "random.Random": "choice choices sample",
        "re": "",
        "sched": "",
        "secrets": "choice",
        "shlex": "split",
        "string": "",
        "string.Template": "substitute",
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
CALCULATING_CLASSES = frozenset({"datetime", "hashlib", "hmac", "re", "uuid"})
PARSING = frozenset({"fromisoformat", "strptime"})

# These look at each value that they are given: comparing or adding them fails by their types only.
OVER_VALUES = frozenset(
    {
        *(f"builtins.{name}" for name in "all any sorted sum".split()),
        *(f"bisect.{name}" for name in "bisect bisect_left bisect_right".split()),
        *(f"bisect.{name}" for name in "insort insort_left insort_right".split()),
        *(f"heapq.{name}" for name in "heapify heappush heappushpop nlargest nsmallest".split()),
    }
)

# These only calculate with what they are given: with literals they fail always or never.
PURE_CLASSES = frozenset({"decimal.Decimal", "fractions.Fraction"})
PURE_MODULES = frozenset("array ipaddress json statistics struct urllib.parse zlib".split())

LOGGER_METHODS = LOGGING_METHODS | {
    "addHandler",
    "getChild",
    "getEffectiveLevel",
    "isEnabledFor",
    "removeHandler",
    "setLevel",
}

# Names under which programs keep their loggers, and what they call the levels of their own.
# Nothing is reported because of these names, only left out.
LOGGER_NAME = re.compile(r"(?:.*_|[a-z])?(?:log|logger|logging)_*", re.IGNORECASE)
OWN_LEVELS = frozenset({"always", "notice", "success", "trace", "verbose"})

# Methods of containers, strings, events and conditions that raise only on a programming error.
# `remove`, `index`, `pop`, `popleft`, `popitem` and `put` are not among them: they raise on a
# container's ordinary states. `get` is, although a queue's or a client's may raise: most are
# mappings', and where the receiver's type is known it decides instead.
UNLIKELY_METHODS = frozenset(
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

CONTAINER_METHODS = frozenset(
    "add append appendleft discard extend extendleft items keys values".split()
)

# Methods that wait for others, or work on files, connections and their contents.
LIKELY_METHODS = frozenset(
    "commit connect dump dumps execute executemany fetch fetchall fetchone load loads open parse"
    " pop popitem post put read readline recvfrom request result send sendto"
    " start submit urlopen write writelines".split()
)
CALLBACKS = ("callback", "handler", "hook", "listener")

# Libraries whose calls fail in ordinary use: they work on files, start programs, parse, or talk to
# servers and devices.
LIKELY_LIBRARIES = frozenset(
    "builtins configparser csv ctypes dbm email ftplib gzip http imaplib json lzma marshal mmap"
    " multiprocessing os pathlib pickle poplib select shutil signal smtplib socket sqlite3 ssl"
    " struct subprocess tarfile tempfile termios urllib xml xmlrpc zipfile zlib"
    " MySQLdb aiohttp aiomysql asyncpg boto3 botocore cassandra confluent_kafka grpc httplib2 httpx"
    " kafka kazoo ldap3 paramiko pika psycopg psycopg2 pymongo pymysql redis requests serial smbus"
    " sqlalchemy urllib3 usb websocket websockets zmq".split()
)

# Functions of a foreign library, by name or number: they report failures by their results. A wrong
# argument is a mistake of the program. Those of `oledll` raise what they report.
FOREIGN_FUNCTION = re.compile(
    r"ctypes\.(?:(?:CDLL|PyDLL|WinDLL)|(?:cdll|pydll|windll)\.\w+)(?:\(\))?\.\w+"
)
ELEMENT = "__getitem__"

# Objects that are taken out of a queue or a container.
TAKEN_OUT = re.compile(
    r"(?:asyncio|builtins|collections|multiprocessing|queue)\.\w+\.(?:get|get_nowait|pop|popleft)\(\)"
)

# Known external methods, where the receiver's type was found.
UNLIKELY_TYPED = frozenset(
    {
        "asyncio.Event.clear",
        "asyncio.Event.is_set",
        "asyncio.Event.set",
        "asyncio.Lock.locked",
        *(f"array.array.{name}" for name in "tobytes tolist tounicode".split()),
        "builtins.memoryview.tobytes",
        "builtins.memoryview.tolist",
        "collections.ChainMap.new_child",
        "collections.Counter.elements",
        "collections.Counter.most_common",
        "collections.Counter.subtract",
        "collections.Counter.total",
        "collections.deque.rotate",
        *(f"{future}.add_done_callback" for future in _FUTURES),
        "concurrent.futures.ThreadPoolExecutor.shutdown",
        *(
            f"contextlib.{stack}.{name}"
            for stack in ("AsyncExitStack", "ExitStack")
            for name in "callback pop_all push push_async_callback push_async_exit".split()
        ),
        *(
            f"io.{buffer}.{name}"
            for buffer in ("BytesIO", "StringIO")
            for name in "getbuffer getvalue read readline seek tell truncate write".split()
        ),
        "multiprocessing.Event.clear",
        "multiprocessing.Event.is_set",
        "multiprocessing.Event.set",
        *(f"multiprocessing.Process.{name}" for name in "is_alive kill terminate".split()),
        "queue.Queue.empty",
        "queue.Queue.full",
        "queue.Queue.qsize",
        "queue.SimpleQueue.put",
        *(f"sched.scheduler.{name}" for name in "empty enter enterabs".split()),
        "socket.socket.fileno",
        *(f"subprocess.Popen.{name}" for name in "kill poll terminate".split()),
        "threading.Event.clear",
        "threading.Event.is_set",
        "threading.Event.set",
        "threading.Event.wait",
        "threading.Lock.locked",
        "threading.Thread.is_alive",
    }
)

CALCULATING_PATHS = frozenset(
    "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath absolute as_posix as_uri cwd"
    " expanduser full_match home is_absolute is_relative_to is_reserved joinpath match with_name"
    " with_segments with_stem with_suffix".split()
)
# These fail for a path of the wrong kind, or one that may not be looked at.
ASKING_PATHS = frozenset(
    "exists is_block_device is_char_device is_dir is_fifo is_file is_mount is_socket is_symlink"
    " relative_to".split()
)
TEXT_METHODS = frozenset(
    "casefold endswith isdigit lower lstrip partition removeprefix removesuffix replace rpartition"
    " rsplit rstrip split splitlines startswith strip title upper".split()
)

# Types of values that never change, and bytes: their methods fail for wrong arguments only, but for
# these. A text that has no encoding, or not what is looked up in it, is the program's own data.
PLAIN_TYPES = frozenset(
    f"builtins.{name}"
    for name in "bool bytearray bytes complex float frozenset int str tuple".split()
)
PARSING_METHODS = frozenset({"decode", "fromhex"})
SEARCHING_METHODS = frozenset({"encode", "format_map", "index", "pop", "remove", "rindex"})

# These fail for what a container does not have. That is a mistake in the program's own data, as it
# is where an element is read or deleted.
ASKING_FOR_CONTENTS = frozenset(
    {
        "builtins.list.index",
        "builtins.list.remove",
        "builtins.set.remove",
        "collections.deque.remove",
    }
)

# The attributes of the builtin types, by their names.
BUILTIN_TYPES = {
    f"builtins.{name}": frozenset(dir(kind))
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
}

CONTAINER_TYPES = frozenset(
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
