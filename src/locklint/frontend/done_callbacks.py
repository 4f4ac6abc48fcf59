"""Methods that a class adds as callbacks to futures that an attribute of its objects keeps.

What ends such a future runs them at once::

    def start(self, key):
        future = self._pool.submit(work)
        self._futures[key] = future
        future.add_done_callback(lambda done: self._forget(key))

    def stop(self, key):
        self._futures[key].cancel()  # This calls `self._forget`.
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.frontend.inference import Inference
from locklint.frontend.user_callbacks import contents
from locklint.frontend.value_types import ClassRef
from locklint.index.declarations import (
    Binding,
    CallValue,
    FunctionDecl,
    LambdaValue,
    Ref,
    Value,
)

_ADDS = "add_done_callback"


def done_callbacks(
    inference: Inference, cls: ClassRef, attribute: str, cancels: bool
) -> Iterator[str]:
    """Yield the names of the methods that are added to the futures in an attribute.

    ``cancels``: what ends them is their `cancel`. A method that calls `cancelled` may do nothing
    then.
    """
    ours = [each for each in inference.project.mro(cls) if isinstance(each, ClassRef)]
    for each in ours:
        for decl in inference.attributes.methods(each):
            if decl.parameters and _ADDS in decl.called:
                for name in _added(each, decl, attribute):
                    method = inference.attributes.method(cls, name)
                    if method is None or not (cancels and "cancelled" in method.decl.called):
                        yield name


def _added(cls: ClassRef, decl: FunctionDecl, attribute: str) -> Iterator[str]:
    own = decl.parameters[0].name
    for site in cls.index.call_sites:
        callee = site.call.callee
        if site.function != decl.qualname or site.name != _ADDS or not isinstance(callee, Ref):
            continue
        future = callee.names[:-1]
        if future == (own, attribute) or _is_kept(decl, own, future, attribute):
            for value in site.call.arguments[:1]:
                name = _method(own, value)
                if name is not None:
                    yield name


def _is_kept(decl: FunctionDecl, own: str, future: tuple[str, ...], attribute: str) -> bool:
    """Return whether the attribute, or a container in it, has what a variable has."""
    if len(future) != 1:
        return False
    kept = decl.self_bindings.get(attribute, ())
    bound = decl.locals.get(future[0], ())
    return any(
        Ref(future) in contents(binding) or any(_is_same(binding, each) for each in bound)
        for binding in kept
    ) or any(each.value == Ref((own, attribute)) for each in bound)


def _is_same(one: Binding, other: Binding) -> bool:
    """Return whether two bindings are of one statement: ``future = self._future = submit(f)``."""
    return isinstance(one.value, CallValue) and (one.line, one.value) == (other.line, other.value)


def _method(own: str, value: Value) -> str | None:
    """Return the method of the object that a callback is, or calls. Return None for another one."""
    match value:
        case Ref(names=(first, name)) if first == own:
            return name
        case LambdaValue(body=CallValue(callee=callee)):
            return _method(own, callee)
        case CallValue(callee=Ref(names=(*_, "partial")), arguments=(first, *_)):
            return _method(own, first)
        case _:
            return None
