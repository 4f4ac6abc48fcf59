"""Operators, methods and calls that cannot raise in practice, given the types of the values.

A type is an absolute dotted name (`builtins.int`, `threading.Event`); a value has several where it
may be of each, and none where nothing is known about it. ``KNOWN`` values are of types whose code
is CPython's own, so that comparing, hashing and formatting them runs nothing of the program.

What depends on more than types is not here: a division may be one by zero, an index out of range,
a key missing. Facts are CPython 3.11 to 3.13's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from locklint.ir.means import OperateKind
from locklint.models.calls import LOGGING_METHODS

Types: TypeAlias = frozenset[str]


def _builtins(names: str) -> Types:
    return frozenset(f"builtins.{name}" for name in names.split())


NULL_CONTEXT = "contextlib.nullcontext"
NO_LOCKS = frozenset({NULL_CONTEXT, "contextlib.ExitStack", "contextlib.AsyncExitStack"})
"""Context managers that replace a lock if no other thread is to be excluded."""

_NUMBERS = _builtins("bool int float")
_TEXTS = _builtins("str bytes bytearray")
_SETS = _builtins("set frozenset")
_LISTS = _builtins("list tuple")  # the types of displays and comprehensions are not distinguished
MAPPINGS = _builtins("dict") | {
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
}
_SEQUENCES = _LISTS | _TEXTS | _builtins("range")
CONTAINERS = _LISTS | _SETS | MAPPINGS | {"collections.deque"}
_TIMES = frozenset({"datetime.datetime", "datetime.date", "datetime.timedelta"})
_ITERABLE = CONTAINERS | _TEXTS | _builtins("range")
KNOWN = (
    _NUMBERS
    | CONTAINERS
    | _TEXTS
    | _TIMES
    | _builtins("NoneType complex ellipsis function range type")
    | {"uuid.UUID"}
    | {"threading.Thread", "threading.Event", "threading.Lock", "threading.RLock"}
)

RESULTS: dict[str, str] = {
    **dict.fromkeys(
        _builtins("int hash id len ord")
        | {
            "os.getpid",
            "threading.active_count",
            "threading.get_ident",
            "threading.get_native_id",
            "_thread.get_ident",
            "queue.Queue.qsize",
            "time.monotonic_ns",
            "time.perf_counter_ns",
            "time.time_ns",
            "builtins.list.index",
            "builtins.list.count",
            "builtins.str.count",
            "builtins.str.find",
        },
        "builtins.int",
    ),
    **dict.fromkeys(
        _builtins("float")
        | {f"time.{name}" for name in "monotonic perf_counter process_time time".split()}
        | {"timeit.default_timer"},
        "builtins.float",
    ),
    **dict.fromkeys(
        _builtins("all any bool callable hasattr isinstance issubclass")
        | {
            "queue.Queue.empty",
            "queue.Queue.full",
            "threading.Event.is_set",
            "threading.Event.wait",
            "threading.Thread.is_alive",
            "builtins.str.startswith",
            "builtins.str.endswith",
        },
        "builtins.bool",
    ),
    **dict.fromkeys(
        _builtins("ascii chr format repr str")
        | {
            f"builtins.str.{name}"
            for name in "format join lower lstrip replace rstrip strip title upper".split()
        }
        | {f"os.path.{name}" for name in "basename dirname join normcase normpath".split()}
        | {f"platform.{name}" for name in "machine node release system version".split()}
        | {"html.escape", "secrets.token_hex", "secrets.token_urlsafe", "traceback.format_exc"},
        "builtins.str",
    ),
    **dict.fromkeys(
        ("builtins.bytes", "os.urandom", "secrets.token_bytes"),
        "builtins.bytes",
    ),
    **dict.fromkeys(("uuid.uuid1", "uuid.uuid4"), "uuid.UUID"),
    "builtins.range": "builtins.range",
    "contextvars.copy_context": "contextvars.Context",
    "datetime.datetime.now": "datetime.datetime",
    "datetime.datetime.utcnow": "datetime.datetime",
    "datetime.timedelta": "datetime.timedelta",
    "threading.current_thread": "threading.Thread",
    "threading.currentThread": "threading.Thread",
    "threading.main_thread": "threading.Thread",
    "threading.Thread": "threading.Thread",
    "threading.Timer": "threading.Thread",
}
"""The types of what calls give, where it depends on nothing else."""

_OBJECTS = frozenset(
    "builtins.open io.open os.fdopen os.pipe socket.socket socket.create_connection"
    " socket.create_server subprocess.Popen tempfile.mkdtemp tempfile.mkstemp"
    " tempfile.NamedTemporaryFile tempfile.TemporaryDirectory tempfile.TemporaryFile"
    " threading.Thread threading.Timer threading.Event sqlite3.connect tarfile.open"
    " zipfile.ZipFile http.client.HTTPConnection http.client.HTTPSConnection".split()
)
"""Calls that give an object, or raise; no such object is false."""

_NOT_NONE = _OBJECTS | RESULTS.keys() | {"os.dup", "os.open"}


def gives_itself(name: str) -> bool:
    """Return whether a `with` on what a library function gives has nothing to do as it begins."""
    return name in _OBJECTS or name == "os.scandir"


_ENTERED_AT_ONCE = frozenset(
    "anyio.CancelScope anyio.create_task_group anyio.fail_after anyio.move_on_after"
    " async_timeout.timeout async_timeout.timeout_at asyncio.TaskGroup asyncio.timeout"
    " asyncio.timeout_at contextlib.aclosing contextlib.closing trio.CancelScope trio.fail_after"
    " trio.move_on_after trio.open_nursery".split()
)
"""Library functions that give what a `with` enters without a wait or an exception."""


def begins_at_once(name: str) -> bool:
    """Return whether a `with` on what a library function gives begins without an interruption."""
    return name in _ENTERED_AT_ONCE


def is_true(name: str) -> bool:
    """Return whether what a call of a library function gives is always true."""
    return name in _OBJECTS


def is_never_none(name: str) -> bool:
    """Return whether what a call of a library function gives is never None; it may be zero."""
    return name in _NOT_NONE


def operator_is_safe(kind: OperateKind, what: str, operands: Sequence[Types]) -> bool:
    """Return whether code cannot raise on operands of those types, in evaluation order.

    ``kind`` and ``what`` are those of `ir.instruction.Operate`.
    """
    if not operands or not operands[0]:
        return False
    together = frozenset().union(*operands)
    first = operands[0]
    if what in ("in", "not in"):
        # The searched value may be anything: it is hashed and compared.
        return first <= CONTAINERS or (together <= _TEXTS and all(operands))
    if not all(operands):
        return False
    match kind:
        case OperateKind.OPERATOR:
            return _is_safe(what, first, operands[1:], together)
        case OperateKind.FORMAT:
            return together <= KNOWN
        case OperateKind.ITERATE:
            return first <= _ITERABLE
        case OperateKind.SLICE:
            return first <= _SEQUENCES
        case OperateKind.DELETE_SLICE:
            return first <= _LISTS
        case OperateKind.SET_SLICE:
            return first <= _LISTS and operands[1] <= _ITERABLE
        case _:
            return False


def _is_safe(what: str, first: Types, others: Sequence[Types], together: Types) -> bool:
    match what:
        case "==" | "!=":
            return together <= KNOWN
        case "<" | "<=" | ">" | ">=":
            return together <= _NUMBERS or together <= _TIMES or _is_one_text(together)
        case "+":
            return together <= _NUMBERS or together <= _LISTS or _is_one_text(together)
        case "+=":
            if first <= _LISTS:
                return all(other <= _ITERABLE for other in others)
            return together <= _NUMBERS or _is_one_text(together)
        case "-" | "-=":
            return together <= _NUMBERS or together <= _SETS
        case "*" | "*=" | "-x" | "+x":
            return together <= _NUMBERS
        case "&" | "|" | "^" | "&=" | "|=" | "^=":
            return together <= _SETS or together <= _builtins("bool int")
        case _:
            return False


def _is_one_text(types: Types) -> bool:
    return len(types) == 1 and types <= _TEXTS


_ALWAYS_OF_MODULES = {
    "contextvars": "copy_context",
    "html": "escape",
    "inspect": "currentframe isawaitable isclass iscoroutine iscoroutinefunction isfunction"
    " isgenerator ismethod ismodule",
    "itertools": "chain count cycle repeat",
    "os": "cpu_count fsdecode fsencode get_exec_path getegid geteuid getgid getgroups getpgrp"
    " getpid getppid getresgid getresuid getuid sched_yield strerror times umask uname urandom",
    "os.path": "basename dirname exists isabs isdir isfile islink join lexists normcase normpath"
    " split splitext",
    "platform": "machine node platform python_implementation python_version release system version",
    "secrets": "token_bytes token_hex token_urlsafe",
    "textwrap": "dedent indent shorten",
    "time": "gmtime localtime",
    "traceback": "format_exc format_exception format_stack print_exc print_stack",
    "types": "MappingProxyType MethodType SimpleNamespace",
    "uuid": "getnode uuid1 uuid4",
    "weakref": "WeakKeyDictionary WeakMethod WeakSet WeakValueDictionary finalize ref",
}

_ALWAYS = (
    _builtins(
        "Exception BaseException KeyError RuntimeError TypeError ValueError"
        " callable hasattr isinstance issubclass object super type"
    )
    | {f"logging.{method}" for method in LOGGING_METHODS}
    | {
        f"{owner}.{method}"
        for owner in ("logging.Logger", "logging.LoggerAdapter", "logging.RootLogger")
        for method in (*LOGGING_METHODS, "isEnabledFor", "getEffectiveLevel")
    }
    | {
        "collections.OrderedDict",
        "collections.defaultdict",
        "contextlib.ExitStack",
        "contextlib.nullcontext",
        "contextlib.suppress",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "functools.partial",
        "gc.disable",
        "gc.enable",
        "logging.getLogger",
        "queue.Queue.empty",
        "queue.Queue.full",
        "queue.Queue.qsize",
        "queue.SimpleQueue.put",
        "random.random",
        "threading.Event.clear",
        "threading.Event.is_set",
        "threading.Event.set",
        "threading.Event.wait",
        "threading.Lock.locked",
        "threading.Thread",
        "threading.Thread.getName",
        "threading.Thread.is_alive",
        "threading.current_thread",
        "threading.currentThread",
        "threading.enumerate",
        "threading.local",
    }
    | {
        f"{module}.{name}"
        for module in ("threading", "asyncio")
        for name in ("Condition", "Event", "Lock", "RLock", "Semaphore", "BoundedSemaphore")
    }
    | {f"queue.{name}" for name in ("LifoQueue", "PriorityQueue", "Queue", "SimpleQueue")}
    | {f"{module}.{name}" for module, names in _ALWAYS_OF_MODULES.items() for name in names.split()}
)
"""Calls that raise only where an argument is missing, or is of another type altogether.

logging swallows what its handlers raise (`logging.raiseExceptions` only prints it).
"""

_OVER_ITERABLE = _builtins("all any dict enumerate frozenset iter list reversed set tuple zip") | {
    "collections.Counter",
    "collections.deque",
}
"""Calls that look at what they are given one by one, and do nothing to it but hash it."""

_OVER_KNOWN = _builtins("ascii bool format hash repr str") | {"builtins.str.format"}
_OVER_NUMBERS = _builtins("abs float int range round") | {"datetime.timedelta", "time.sleep"}

ATTRIBUTES: dict[str, Types] = {
    "threading.Thread": frozenset("daemon ident name native_id".split()),
    "queue.Queue": frozenset("maxsize queue unfinished_tasks".split()),
    "collections.deque": frozenset(["maxlen"]),
}
"""Attributes of instances of library types that are always there."""

_METHODS: dict[str, Types] = {
    "builtins.list": frozenset("append clear copy count extend insert reverse".split()),
    "builtins.tuple": frozenset(["count"]),
    "builtins.set": frozenset(
        "add clear copy difference difference_update discard intersection intersection_update"
        " isdisjoint issubset issuperset symmetric_difference union update".split()
    ),
    "builtins.dict": frozenset("clear copy get items keys setdefault update values".split()),
    "builtins.str": frozenset(
        "capitalize casefold count endswith find isalnum isalpha isdigit isspace join lower lstrip"
        " partition replace rfind rpartition rsplit rstrip split splitlines startswith strip title"
        " upper".split()
    ),
    "collections.deque": frozenset(
        "append appendleft clear copy count extend extendleft reverse rotate".split()
    ),
}
_METHODS["builtins.bytes"] = _METHODS["builtins.str"]
_METHODS["builtins.bytearray"] = _METHODS["builtins.list"] | _METHODS["builtins.str"]
_METHODS["builtins.frozenset"] = _METHODS["builtins.set"]
for _name in MAPPINGS:
    _METHODS[_name] = _METHODS["builtins.dict"] | {"move_to_end"}

_KEEP_ANYTHING = frozenset("add append appendleft discard get insert setdefault".split())
"""Methods that accept anything that can be hashed."""


_ENDLESS = frozenset(("itertools.count", "itertools.cycle"))


def call_is_safe(name: str, arguments: Sequence[Types], keywords: Sequence[str] = ()) -> bool:
    """Return whether calling ``name`` with positional arguments of those types cannot raise.

    ``name`` is absolute; a method of a known type is ``type.method``.
    """
    if name in _ALWAYS:
        return True
    known = bool(arguments) and all(arguments)
    if name in _OVER_ITERABLE:
        return not keywords and all(bool(each) and each <= _ITERABLE for each in arguments)
    if name in ("builtins.max", "builtins.min"):
        if keywords and set(keywords) != {"default"}:
            return False
        if len(arguments) == 1:
            # An empty one has no greatest.
            return "default" in keywords and known and arguments[0] <= _builtins("range")
        return known and operator_is_safe(OperateKind.OPERATOR, "<", arguments)
    if keywords:
        return False
    if name == "builtins.len":
        return known and arguments[0] <= _ITERABLE
    if name == "builtins.next":
        return known and arguments[0] <= _ENDLESS
    if name == "builtins.bool" and not arguments:
        return True
    if name in _OVER_KNOWN:
        return all(bool(each) and each <= KNOWN for each in arguments)
    if name in _OVER_NUMBERS:
        return all(bool(each) and each <= _NUMBERS for each in arguments)
    if name == "builtins.getattr":
        return len(arguments) == 3
    if name == "queue.Queue.put":
        return len(arguments) == 1  # It waits for room.
    return _method_is_safe(name, arguments)


def _method_is_safe(name: str, arguments: Sequence[Types]) -> bool:
    owner, _, method = name.rpartition(".")
    if method == "pop" and owner in MAPPINGS:
        return len(arguments) == 2
    if method not in _METHODS.get(owner, ()):
        return False
    if method in _KEEP_ANYTHING:
        return True
    if owner in _TEXTS:
        return all(bool(each) and each <= _TEXTS | _NUMBERS | CONTAINERS for each in arguments)
    return all(bool(each) and each <= _ITERABLE for each in arguments)


REMOVING = frozenset({"clear", "discard", "pop", "popitem", "popleft", "remove"})
"""Methods after which a container may be empty."""


TAKING = ("pop", "popitem", "popleft", "remove")
"""Methods that remove something from a container, and raise only where it is not there."""


NEEDING_ONE = frozenset(("builtins.max", "builtins.min", "heapq.heappop", "random.choice"))
"""Functions that raise for a container only if it is empty, or what is in it cannot be compared."""


def takes_one(name: str, arguments: Sequence[object]) -> bool:
    """Return whether a call removes an element, and raises only if the container is empty."""
    owner, _, method = name.rpartition(".")
    if owner not in CONTAINERS:
        return False
    if method == "pop":
        is_end = owner == "builtins.list" and [str(each) for each in arguments] in (["0"], ["-1"])
        return not arguments or is_end
    return method in ("popleft", "popitem")


def takes_key(name: str, arguments: int) -> bool:
    """Return whether a call removes a given element, and raises only if it is missing."""
    owner, _, method = name.rpartition(".")
    if arguments != 1:
        return False
    return (method == "remove" and owner in CONTAINERS) or (method == "pop" and owner in MAPPINGS)


def is_lazy(name: str) -> bool:
    """Return whether a call's result calls its argument while it is iterated over."""
    return name in ("builtins.filter", "builtins.map")
