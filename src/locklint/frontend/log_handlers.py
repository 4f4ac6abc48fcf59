"""The functions of a project that `logging` calls with the lock of a handler held."""

from __future__ import annotations

from locklint.frontend.inference import Inference
from locklint.frontend.value_types import ClassRef

_EMITTING = ("emit", "format")
_FORMATTING = ("format", "formatException", "formatMessage", "formatStack", "formatTime")
_QUEUES = "logging.handlers.QueueHandler"


def log_handlers(inference: Inference) -> frozenset[str]:
    """Their keys: methods of handlers and of formatters.

    A handler that overrides the handling of records, or only queues them, is left out.
    """
    found: set[str] = set()
    for index in inference.project.modules():
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
    return frozenset(found)
