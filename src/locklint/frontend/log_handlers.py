"""The functions of a project that `logging` calls with the lock of a handler held."""

from __future__ import annotations

from locklint.frontend.inference import Inference
from locklint.frontend.slots import Place
from locklint.frontend.value_types import ClassRef
from locklint.ir.hierarchy import LogHandlers

_EMITTING = ("emit", "format")
_FORMATTING = ("format", "formatException", "formatMessage", "formatStack", "formatTime")
_QUEUES = "logging.handlers.QueueHandler"


def log_handlers(inference: Inference) -> LogHandlers:
    """Return them: methods of handlers and of formatters.

    A handler that overrides the handling of records, or only queues them, is left out.
    """
    found: set[str] = set()
    own_lock: set[str] = set()
    for index in inference.project.searched:
        for qualname, decl in index.classes.items():
            if not decl.bases:
                continue
            cls = ClassRef(index.path, qualname, index)
            bases = {one for one in inference.project.mro(cls) if isinstance(one, str)}
            names: tuple[str, ...] = ()
            if any(one.startswith("logging.") and one.endswith("Handler") for one in bases):
                if _QUEUES in bases or inference.attributes.method(cls, "handle") is not None:
                    continue
                names = _EMITTING
            elif "logging.Formatter" in bases:
                names = _FORMATTING
            for name in names:
                method = inference.attributes.method(cls, name)
                if method is not None:
                    found.add(method.key)
                    places = inference.attributes.slot(cls, "lock").places
                    if name == "emit" and places and all(map(_replaces_lock, places)):
                        own_lock.add(method.key)
    return LogHandlers(frozenset(found), frozenset(own_lock))


def _replaces_lock(place: Place) -> bool:
    """Return whether a binding of a handler's lock takes the place of the one of `logging`.

    It does after the constructor of the base class, and in the method that makes the lock.
    """
    index, binding = place.owner.index, place.binding
    decl = index.functions.get(binding.function)
    return decl is not None and (
        decl.name == "createLock"
        or any(
            site.function == binding.function
            and site.name == "__init__"
            and site.call.line < binding.line
            for site in index.call_sites
        )
    )
