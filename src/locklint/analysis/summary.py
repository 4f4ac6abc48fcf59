"""What a function does to the locks of its callers: the seam between one function and the program.

A summary is parametric: its locks are paths rooted in the function's own ``self``, parameters,
enclosing variables or globals, and `Binding` exchanges these for what a call passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from locklint.analysis.lockset import Grade
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.instruction import Call
from locklint.ir.lock import Exactness, LockRef, Mode


@dataclass(frozen=True, slots=True)
class Effect:
    """The net effect of one function on one lock: acquires minus releases.

    ``normal`` after a normal return, ``exceptional`` after an exception that is likely in practice;
    None: it varies, or nothing is known. ``on_true`` and ``on_false``: where it varies with the
    truth of what the function returns.
    """

    lock: LockRef
    mode: Mode
    normal: int | None
    exceptional: int | None
    on_true: int | None = None
    on_false: int | None = None

    @property
    def correlated(self) -> bool:
        """Whether the result tells what happened."""
        return self.normal is None and self.on_true is not None and self.on_false is not None

    @property
    def tries(self) -> bool:
        """Whether it is a try-acquire: true and held, or false and not."""
        return self.on_true == 1 and self.on_false == 0


@dataclass(frozen=True, slots=True)
class ContextEffect:
    """What a ``@contextmanager`` function does to one lock before its yield and after it."""

    lock: LockRef
    mode: Mode
    enter: int
    exit: int
    exit_on_exception: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All effects of a function, in a fixed order, and how likely it is to raise."""

    key: str
    effects: tuple[Effect, ...] = ()
    context_effects: tuple[ContextEffect, ...] = ()
    raises: Grade = Grade.LIKELY
    returns: bool = True

    @property
    def is_neutral(self) -> bool:
        """Whether callers need not know about it."""
        return not self.context_effects and all(effect.normal == 0 for effect in self.effects)


class Binding:
    """Exchanges a callee's own names for what a call passes."""

    def __init__(
        self, caller: Function, callee: Function, call: Call | None, receiver: AccessPath | None
    ) -> None:
        self._caller = caller
        self._callee = callee
        self._roots: dict[str, AccessPath] = {}
        names = [name for name in callee.parameters if not name.startswith("*")]
        if callee.kind in (FunctionKind.METHOD, FunctionKind.CLASS_METHOD) and names:
            if receiver is None and call is not None:
                receiver = receiver_of(caller, callee, call)
            if receiver is not None:
                self._roots[names[0]] = receiver
                names = names[1:]
        if call is not None:
            positional = [a.value for a in call.arguments if a.name is None and not a.star]
            for name, value in zip(names, positional, strict=False):
                if isinstance(value, AccessPath):
                    self._roots[name] = value
            for argument in call.arguments:
                if argument.name and isinstance(argument.value, AccessPath):
                    self._roots[argument.name] = argument.value

    def lock(self, lock: LockRef) -> LockRef | None:
        """The lock as the caller names it; None where the caller cannot name it."""
        path = self._path(lock.path)
        return None if path is None else replace(lock, path=path)

    def _path(self, path: AccessPath) -> AccessPath | None:
        match path.root:
            case Root.SELF | Root.PARAMETER:
                root = self._roots.get(path.root_name)
                return root and path.replace_prefix(AccessPath(path.root_name, (), path.root), root)
            case Root.CLOSURE:
                return AccessPath(path.root_name, path.fields, self._enclosing(path.root_name))
            case Root.GLOBAL:
                if self._callee.module == self._caller.module or ":" in path.root_name:
                    return path
                return replace(path, root_name=f"{self._callee.module}:{path.root_name}")
            case _:
                return None

    def _enclosing(self, name: str) -> Root:
        if name == self._caller.self_name:
            return Root.SELF
        if name in {parameter.lstrip("*") for parameter in self._caller.parameters}:
            return Root.PARAMETER
        if self._callee.parent == self._caller.qualname:
            return Root.LOCAL
        return Root.CLOSURE


def receiver_of(caller: Function, callee: Function, call: Call) -> AccessPath | None:
    """What a call passes as ``self``: the object before the last dot; ``super()`` is the caller's.

    A constructor's is the call's result. None for a bound method that goes by another name, for
    then the object that it is bound to does not stand in the call.
    """
    path = call.callee
    if path is None or callee.name == "__init__":
        return call.result
    if not path.fields or path.last != callee.name:
        return None
    if path.root_name == "super" and path.fields[0].startswith("("):
        return AccessPath(caller.self_name, (), Root.SELF) if caller.self_name else None
    return path.parent()


def is_nameable(lock: LockRef) -> bool:
    """Whether callers can have a name for the lock."""
    if lock.exactness is Exactness.ONE:
        return True
    return lock.path.root in (Root.SELF, Root.PARAMETER, Root.CLOSURE, Root.GLOBAL)


Summaries = Mapping[str, Summary]
