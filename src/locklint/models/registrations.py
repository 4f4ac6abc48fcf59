"""Calls that let the interpreter run a function in between: at a signal, a collection or the end.

Facts are those of CPython 3.11 to 3.13. A handler that is registered with an event loop is not
here: the loop runs it as a task. Neither is a hook that the interpreter calls at a known place,
such as ``sys.excepthook``.
"""

from __future__ import annotations

import msgspec

from locklint.ir.context import Context


class Registrar(msgspec.Struct, frozen=True):
    """A callable that is given a function to run later, in no thread of its own.

    ``position`` and ``name`` say which argument is the function, ``of`` the position of the object
    after whose end it runs.
    """

    context: Context
    position: int | None
    name: str | None = None
    of: int | None = None


REGISTERS_HANDLER = "signal.signal"
"""The call that sets the handler of a signal."""

BLOCKS_SIGNALS = "signal.pthread_sigmask"
"""The call that blocks signals for a thread, or lets them through again."""

REMOVES_CALLBACK = "gc.callbacks.remove"
"""The call that takes a function out of those that the collector calls."""

STOPS_CALLBACKS = frozenset({REMOVES_CALLBACK, "gc.disable"})
"""Calls after which the collector does not run by itself, or does not call a function any more."""

_REFERENCE = Registrar(Context.FINALIZER, 1, "callback", of=0)

_REGISTRARS: dict[str, tuple[Registrar, ...]] = {
    REGISTERS_HANDLER: (Registrar(Context.SIGNAL, 1, "handler"),),
    "atexit.register": (Registrar(Context.ATEXIT, 0),),
    "threading._register_atexit": (Registrar(Context.ATEXIT, 0),),
    "weakref.finalize": (Registrar(Context.FINALIZER, 1, of=0),),
    "weakref.ref": (_REFERENCE,),
    "weakref.ReferenceType": (_REFERENCE,),
    "weakref.WeakMethod": (_REFERENCE,),
    "weakref.KeyedRef": (_REFERENCE,),
    "weakref.proxy": (_REFERENCE,),
    "gc.callbacks.append": (Registrar(Context.FINALIZER, 0),),
    "gc.callbacks.insert": (Registrar(Context.FINALIZER, 1),),
    "os.register_at_fork": (
        Registrar(Context.FORK, None, "before"),
        Registrar(Context.FORK, None, "after_in_parent"),
        Registrar(Context.FORK, None, "after_in_child"),
    ),
}

_NAMES = {
    mention: frozenset(
        dotted.rpartition(".")[2]
        for dotted in (*_REGISTRARS, BLOCKS_SIGNALS, *STOPS_CALLBACKS)
        if mention in dotted
    )
    for mention in ("signal", "atexit", "weakref", "gc.callbacks", "gc.disable", "register_at_fork")
}


def registering_names(text: str) -> frozenset[str]:
    """Return the last names of what a file may call to register functions, by its text.

    Those that block signals, or stop the collector, are among them.
    """
    found = [names for mention, names in _NAMES.items() if mention in text]
    return frozenset().union(*found)


FINALIZER = "__del__"
"""The method that runs before an object is freed."""

IGNORING = frozenset({"SIG_IGN", "SIG_DFL"})
"""The handlers of a signal that run no code of Python, by their names in `signal`."""


def is_signal(name: str) -> bool:
    """Return whether a name in `signal` is that of a signal."""
    return name.startswith("SIG") and "_" not in name


OF_TIMERS = frozenset({"SIGALRM", "SIGPROF", "SIGVTALRM"})
"""Signals that come after a time that the process sets, so that a second one does not come soon."""


def registrars(dotted: str) -> tuple[Registrar, ...]:
    """Return the functions that a call of an external name registers."""
    return _REGISTRARS.get(dotted, ())
