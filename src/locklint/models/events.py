"""Tables of what calls outside the program do that matters to locks: they wait, or write to a log.

Facts are those of CPython 3.11 to 3.13.
"""

from __future__ import annotations

import msgspec

from locklint.ir.access_path import AccessPath, Root
from locklint.ir.event import EventKind
from locklint.ir.instruction import CallArgument, Constant, has_timeout
from locklint.models.calls import is_logging
from locklint.models.pooled import RESULT_OF_EACH, RESULT_OF_ITEM, is_pooled
from locklint.models.processes import FORKS, PROCESS_START
from locklint.models.tasks import RESULT_OF_TASK
from locklint.models.transfers import LOCAL, REMOTE

# A thread, future or executor is waited for; to leave the ``with`` of one waits too.
_WAITS = ("join", "result", "exception", "shutdown", "__exit__")
_WAITABLE = (
    "threading.Thread",
    "threading.Timer",
    "concurrent.futures.",
    "multiprocessing.dummy.Process",
)
_PROCESSES = ("multiprocessing.Process", "multiprocessing.process.", "multiprocessing.context.")

PROCESS_JOIN = "process join"
"""The name of the event that waits for a process."""

SLEEP = "time.sleep"
"""The call whose first argument says how long it blocks."""

POOLED = "map"
"""The name of the event that waits for a function that a pool of threads runs for items."""

ADDS_CALLBACK = "Future.add_done_callback"
"""The name of the event that adds a callback to a future, which runs it if it is done."""

_OF_OTHERS = (Root.PARAMETER, Root.SELF)

_LONG = 1.0
"""The number of seconds of sleep that is worth a finding."""


class CallEvent(msgspec.Struct, frozen=True):
    """The event of a call outside the program, and its name in messages.

    ``timeout`` is the position of the argument of that name, of a call that blocks.
    """

    kind: EventKind
    name: str
    timeout: int | None = None

    def ends_soon(self, arguments: tuple[CallArgument, ...]) -> bool:
        """Return whether a call with these arguments may end soon.

        It has a timeout, or an argument not to wait; or its duration is short, or is chosen
        elsewhere.
        """
        match self.kind:
            case EventKind.JOIN | EventKind.LISTEN:
                return any(not self._waits_with(each) for each in self._about_waiting(arguments))
            case EventKind.CALLBACK if self.name == ADDS_CALLBACK:
                # Calls of a known function are followed.
                value = arguments[0].value if arguments else None
                is_unknown = isinstance(value, AccessPath) and value.root in _OF_OTHERS
                return not is_unknown
            case EventKind.TRANSFER | EventKind.FILE:
                return has_timeout(arguments, self.timeout)
            case EventKind.BLOCK if self.name != SLEEP:
                return has_timeout(arguments, self.timeout)
            case EventKind.BLOCK if arguments:
                value = arguments[0].value
                if isinstance(value, Constant) and isinstance(value.value, int | float):
                    return value.value < _LONG
                return not isinstance(value, AccessPath) or value.root is not Root.TEMP
            case _:
                return False

    def needed(self, arguments: tuple[CallArgument, ...]) -> AccessPath | None:
        """Return the parameter that says whether to wait, where a caller decides that."""
        if self.name != "shutdown":
            return None
        given = [each.value for each in arguments if each.name in (None, "wait")]
        value = given[0] if given else None
        return value if isinstance(value, AccessPath) and value.is_parameter else None

    def _about_waiting(self, arguments: tuple[CallArgument, ...]) -> tuple[CallArgument, ...]:
        """Return the arguments that say whether to wait and for how long: no item is one."""
        if self.name != FILLS:
            return arguments
        if arguments and arguments[0].name is None:
            return arguments[1:]
        return tuple([each for each in arguments if each.name != "item"])

    def _waits_with(self, argument: CallArgument) -> bool:
        """Return whether a wait with this argument is without limit.

        That of an executor says whether to wait at all, and so may that of a queue.
        """
        value = argument.value.value if isinstance(argument.value, Constant) else ...
        match self.name:
            case "shutdown":
                return argument.name == "cancel_futures" or value is True
            case "get" | "put":
                return value is None or value is True
            case _:
                return value is None


_JOINS = {method: CallEvent(EventKind.JOIN, method) for method in _WAITS}
_JOINS_POOLED = {
    RESULT_OF_ITEM: CallEvent(EventKind.JOIN, POOLED),
    RESULT_OF_EACH: CallEvent(EventKind.JOIN, "result"),
    **{
        f"multiprocessing.pool.AsyncResult.{method}": CallEvent(EventKind.JOIN, "result")
        for method in ("get", "wait")
    },
}
TASK = "task"
"""The name of the event that waits in a task for another one."""

_QUEUES = ("queue.Queue", "queue.SimpleQueue")
_LISTENS = {
    "threading.Event.wait": CallEvent(EventKind.LISTEN, "wait"),
    **{f"{queue}.get": CallEvent(EventKind.LISTEN, "get") for queue in _QUEUES},
    "queue.Queue.join": CallEvent(EventKind.LISTEN, "join"),
}
_SIGNALS = {
    f"{owner}.{method}": CallEvent(EventKind.SIGNAL, method)
    for owner, methods in (
        ("threading.Event", ("set",)),
        ("queue.Queue", ("put", "put_nowait", "task_done")),
        ("queue.SimpleQueue", ("put", "put_nowait")),
    )
    for method in methods
}

FILLS = "put"
"""The name of the wait for room in a queue."""

_OF_BOUNDED = {
    "queue.Queue.put": CallEvent(EventKind.LISTEN, FILLS),
    **{
        f"queue.Queue.{method}": CallEvent(EventKind.SIGNAL, method)
        for method in ("get", "get_nowait")
    },
}
"""Further events of calls if the queue may be full: they wait for room in it, and make room."""

SIGNALS_FOR = {"wait": ("set",), "get": ("put", "put_nowait"), "join": ("task_done",)}
"""The methods of events and queues that let a wait by a method end."""

ENDS_OF_WAITS = {**SIGNALS_FOR, FILLS: ("get", "get_nowait")}
"""The same for queues that may be full as well."""

METHODS_OF_SIGNALS = frozenset(
    "wait is_set isSet clear get get_nowait put put_nowait join task_done set".split()
)
"""The methods of events and queues of which all is known. A test that a queue is empty is none."""

_SUSPENDING = ("asyncio.Event.wait", *(f"asyncio.Queue.{name}" for name in ("get", "put", "join")))
_WAKING = (
    "asyncio.Event.set",
    *(f"asyncio.Queue.{name}" for name in ("put_nowait", "get_nowait", "task_done")),
)
_LOOPS = tuple(f"asyncio.{name}_loop" for name in ("get_running", "get_event", "new_event"))
_RUNNING = (
    "asyncio.run",
    "asyncio.Runner.run",
    *(f"{loop}.{name}" for loop in _LOOPS for name in ("run_until_complete", "run_forever")),
)
_TASKS = {
    name: CallEvent(kind, name.rpartition(".")[2])
    for kind, names in (
        (EventKind.SUSPEND, _SUSPENDING),
        (EventKind.WAKE, _WAKING),
        (EventKind.RUN_LOOP, _RUNNING),
    )
    for name in names
}

RUNS_NEW_LOOP = "run"
"""The name of the event that runs a coroutine in a new event loop."""

NEW_LOOP = "asyncio.new_event_loop"
"""The call that makes an event loop, which its caller runs."""

_RUNS_ANY_LOOP = {
    name: CallEvent(EventKind.RUN_LOOP, name) for name in ("run_until_complete", "run_forever")
}

WAKES = {
    "set": ("wait",),
    "put_nowait": ("get",),
    "get_nowait": ("put",),
    "task_done": ("join",),
    "release": ("acquire",),
    "notify": ("wait", "wait_for"),
    "notify_all": ("wait", "wait_for"),
}
"""The methods that let tasks go on, each with those by which they wait."""

TAKES_ITEM = "get_nowait"
"""The method that makes room in a queue, if that has a size."""

WITH_TIMEOUT = "asyncio.wait_for"
"""The call that ends a wait after a while."""

TELLS_LOOP = frozenset(("call_soon_threadsafe",))
"""Methods of an event loop by which another thread lets it call something."""

NAMES_THREAD = frozenset(
    (
        "threading.current_thread",
        "threading.get_ident",
        "threading.main_thread",
        "threading.get_native_id",
        "_thread.get_ident",
    )
)
"""Calls by which a function finds out in which thread it runs."""

TELLS_THREAD = NAMES_THREAD | {
    "asyncio.current_task",
    "asyncio.get_running_loop",
    "asyncio._get_running_loop",
}
"""Calls by which a function finds out in which thread it runs, or if a loop runs there."""

NAMES_TELLING_THREAD = frozenset(name.rpartition(".")[2] for name in TELLS_THREAD)
"""The last names of these calls."""

THREAD_LOCALS = frozenset(
    (
        "threading.local",
        "_thread._local",
        "asgiref.local.Local",
        "contextvars.ContextVar",
        "gevent.local.local",
        "werkzeug.local.Local",
    )
)
"""The classes whose values are others in each thread, or in each task."""

GIVES_NEW = frozenset(
    (
        "builtins.next",
        "builtins.object",
        "itertools.count.__next__",
        "secrets.token_bytes",
        "secrets.token_hex",
        "secrets.token_urlsafe",
        "uuid.uuid1",
        "uuid.uuid4",
    )
)
"""Calls that give each thread something else."""

CHANGES_EVENT = frozenset(
    f"{module}.Event.{method}"
    for module in ("asyncio", "multiprocessing", "threading")
    for method in ("clear", "set")
)
"""Calls that set an event, or clear it."""

_NAMES_OF_RUNNERS = frozenset((*_RUNS_ANY_LOOP, RUNS_NEW_LOOP))
_NAMES_ABOUT_LOOPS = _NAMES_OF_RUNNERS | WAKES.keys()

_PROCESS_JOIN = CallEvent(EventKind.JOIN, PROCESS_JOIN)
_PROCESS_START = CallEvent(EventKind.FORK, PROCESS_START)
_FORKS = {name: CallEvent(EventKind.FORK, name) for name in FORKS}
_LOGS = CallEvent(EventKind.LOG, "logging")
_BLOCKS = {
    name: CallEvent(EventKind.BLOCK, name, timeout)
    for name, timeout in (
        (SLEEP, None),
        ("os.system", None),
        ("os.wait", None),
        ("subprocess.call", None),
        ("subprocess.check_call", None),
        ("subprocess.check_output", None),
        ("subprocess.run", None),
        ("subprocess.Popen.communicate", 1),
        ("subprocess.Popen.wait", 0),
        ("builtins.input", None),
    )
}
POOL_TERMINATE = "Pool.terminate"
"""The name of the event that ends a pool of workers, and waits for its own threads."""

_POOLS = {
    f"{pool}.{method}": CallEvent(EventKind.BLOCK, f"Pool.{method}")
    for pool in (
        "multiprocessing.Pool",
        "multiprocessing.dummy.Pool",
        "multiprocessing.pool.Pool",
        "multiprocessing.pool.ThreadPool",
    )
    for method in ("apply", "join", "map", "starmap", "terminate")
}
_TRANSFERS = {
    dotted: CallEvent(kind, shown, row.timeout)
    for kind, rows in ((EventKind.TRANSFER, REMOTE), (EventKind.FILE, LOCAL))
    for row in rows
    for dotted, shown in row.dotted()
}

_RESULTS = {
    f"concurrent.futures.{module}Future.{method}": CallEvent(EventKind.CALLBACK, f"Future.{method}")
    for module in ("", "_base.")
    for method in ("set_result", "set_exception", "cancel", "add_done_callback")
}
_SENDS = {
    f"{owner}.{method}": CallEvent(EventKind.CALLBACK, f"Signal.{method}")
    for owner in ("blinker.Signal", "blinker.signal", "django.dispatch.Signal")
    for method in ("send", "send_robust")
}

MAY_RUN_CALLBACKS = frozenset((ADDS_CALLBACK, "Signal.send", "Signal.send_robust"))
"""The names of those that run callbacks if there are any, or if the future is done already."""

RUNS_CALLBACKS = frozenset(event.name for event in (*_RESULTS.values(), *_SENDS.values()))
"""The names of events that run the callbacks of a future at once; no variable has such a name."""

_NOT_SOUGHT = frozenset(
    (
        EventKind.FILE,
        EventKind.GATHER,
        EventKind.LISTEN,
        EventKind.SIGNAL,
        EventKind.LOG,
        EventKind.WAKE,
        EventKind.SUSPEND,
        EventKind.RUN_LOOP,
    )
)

_COMMON_NAMES = frozenset("apply call cancel exception input map run system wait".split())
"""Last names of calls that block which many other functions have."""

_NAMED = {
    **_BLOCKS,
    **_FORKS,
    **_LISTENS,
    **_POOLS,
    **_RESULTS,
    **_SENDS,
    **_SIGNALS,
    **_TASKS,
    **_TRANSFERS,
    RESULT_OF_TASK: CallEvent(EventKind.GATHER, TASK),
}


def event_of(dotted: str) -> CallEvent | None:
    """Return what a call of an external name does; None for all that is of no concern to locks."""
    owner, _, method = dotted.rpartition(".")
    if dotted in _JOINS_POOLED:
        return _JOINS_POOLED[dotted]
    if method in _JOINS and owner.startswith(_WAITABLE):
        return _JOINS[method]
    if method == "join" and dotted.startswith(_PROCESSES):
        return _PROCESS_JOIN
    if method == "start" and dotted.startswith(_PROCESSES):
        return _PROCESS_START
    if dotted in _NAMED:
        return _NAMED[dotted]
    return _LOGS if is_logging(dotted) else None


def completes_future(dotted: str) -> bool:
    """Return whether a call ends a future, and so runs its callbacks."""
    return dotted in _RESULTS and _RESULTS[dotted].name != ADDS_CALLBACK


def event_around(dotted: str) -> CallEvent | None:
    """Return what a function that calls an external name may do, as far as the name tells.

    It goes through the results of a pool, or waits for some of its futures.
    """
    return _JOINS_POOLED[RESULT_OF_ITEM] if is_pooled(dotted) else event_of(dotted)


def event_of_method(name: str) -> CallEvent | None:
    """Return what a method of that name does, of an object of which nothing else is known."""
    return _RUNS_ANY_LOOP.get(name)


def names_about_loops(text: str) -> frozenset[str]:
    """Return the last names of calls, in a file of that text, that may wake tasks or run a loop."""
    return _NAMES_ABOUT_LOOPS if "asyncio" in text else frozenset(_RUNS_ANY_LOOP)


def names_of_runners(text: str) -> frozenset[str]:
    """Return the last names of calls, in a file of that text, that may run an event loop."""
    return _NAMES_OF_RUNNERS if "asyncio" in text else frozenset(_RUNS_ANY_LOOP)


def event_of_bounded(dotted: str) -> CallEvent | None:
    """Return what a call of a queue's method does besides, if the queue may be full."""
    return _OF_BOUNDED.get(dotted)


def waits_for(dotted: str) -> bool:
    """Return whether an external name waits for the end of the thread or future that it is of."""
    if dotted.rpartition(".")[2] not in _JOINS and dotted not in _JOINS_POOLED:
        return False
    event = event_of(dotted)
    return event is not None and event.kind is EventKind.JOIN


def sought_in_callees(kinds: frozenset[EventKind]) -> frozenset[EventKind]:
    """Return the kinds of calls, of those that are wanted, that are looked for in callees.

    Log records, files, waits for events and what ends these are looked for where locks are held
    only, and what concerns event loops from where they are run.
    """
    return kinds - _NOT_SOUGHT


def event_names(kinds: frozenset[EventKind]) -> frozenset[str]:
    """Return the last names of calls, of what is not known, that may be events of some kinds.

    Names such as `get` and `run` are those of too many other methods.
    """
    asked = sought_in_callees(kinds) - {EventKind.TRANSFER}
    known = {**_JOINS, **_NAMED}
    names = {name.rpartition(".")[2] for name, event in known.items() if event.kind in asked}
    return frozenset(names - _COMMON_NAMES)
