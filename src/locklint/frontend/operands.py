"""Meanings of the operands of one function: locks, methods of locks, and functions."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.frontend.definitions import Definitions
from locklint.frontend.narrowing import Narrowing
from locklint.frontend.reaching_values import ReachingValues
from locklint.frontend.resolver import Callee, ContextManager, Resolver
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function, split_key
from locklint.ir.instruction import (
    Assign,
    BlockId,
    CallArgument,
    Display,
    FunctionRef,
    Instruction,
    Operand,
)
from locklint.ir.lock import LOCKING, Exactness, LockRef
from locklint.models.events import WAKES

_NO_MANAGER = ContextManager()


class Operands:
    """Resolution of the operands of one function, in the order in which its blocks are visited.

    ``methods`` are the names that a lock's methods may have. `begin` and `pass_by` set the current
    place: a variable means what it was bound to last.
    """

    def __init__(
        self,
        function: Function,
        resolver: Resolver,
        methods: frozenset[str],
        definitions: Definitions,
    ) -> None:
        self._function = function
        self._resolver = resolver
        self._methods = methods
        self._definitions = definitions
        self._narrowing = Narrowing(function, resolver)
        self._reaching = ReachingValues(function, definitions)
        self._bound_here: dict[AccessPath, Operand] = {}
        self._block = function.entry
        self._enclosed: dict[str, tuple[str, LockRef] | None] = {}

    @property
    def enclosed(self) -> tuple[tuple[str, LockRef], ...]:
        """The parameters around the function that were found to be locks: see `Function`."""
        return tuple(known for _, known in sorted(self._enclosed.items()) if known is not None)

    def begin(self, block: BlockId) -> None:
        """Continue at the begin of a block."""
        self._block = block
        self._bound_here = {}

    def pass_by(self, instruction: Instruction) -> None:
        """Continue after an instruction of the block."""
        if isinstance(instruction, Assign) and instruction.target.is_variable:
            self._bound_here[instruction.target] = instruction.value

    def lock(self, operand: Operand) -> LockRef | None:
        """Return the lock that an operand means; it keeps a path that the analysis can follow."""
        if not isinstance(operand, AccessPath):
            return None
        path = self._definitions.expand(operand)
        if path is None:
            return self._chosen_lock(operand)
        lock = self._resolver.lock(self._function.key, path)
        if lock is not None and lock.path.root is Root.CLOSURE and lock.path.is_variable:
            self._note_enclosed(lock.path.root_name)
        if lock is None and (key := self._narrowing.key(self._block, path)) is not None:
            lock = self._resolver.lock(key, path)
        if lock is None and path != operand:
            return None
        if lock is not None and not self._narrowing.admits(self._block, path, lock.api):
            return None
        if lock is not None and self._is_something_else(path, lock):
            return None
        if lock is not None and lock.path.is_vague and not operand.is_vague:
            # In `for lock in locks` the variable names one element, `locks[*]` none in particular.
            return msgspec.structs.replace(lock, path=operand)
        if lock is not None and lock.exactness is Exactness.FRESH and path != operand:
            return msgspec.structs.replace(lock, path=operand)
        return lock

    def note_captures(self, function: FunctionRef) -> None:
        """Note the locks of functions around this one that a nested function mentions."""
        for path in function.captures:
            if path.root is Root.CLOSURE:
                self.lock(AccessPath(path.root_name, (), path.root))

    def _note_enclosed(self, name: str) -> None:
        if name not in self._enclosed:
            self._enclosed[name] = self._resolver.enclosed(self._function.key, name)

    def copied_lock(self, operand: Operand) -> LockRef | None:
        """Return the lock because of which an operand cannot be pickled or copied deeply, or None.

        A display is copied with its elements.
        """
        if isinstance(operand, Display):
            found = (self.copied_lock(item) for item in operand.items)
            return next((lock for lock in found if lock is not None), None)
        path = self._definitions.expand(operand) if isinstance(operand, AccessPath) else None
        return None if path is None else self._resolver.copied_lock(self._function.key, path)

    def _is_something_else(self, path: AccessPath, lock: LockRef) -> bool:
        """Return whether a variable was last bound, on all paths, to objects of other classes."""
        if path.root is not Root.LOCAL or not path.is_variable:
            return False
        here = self._bound_here.get(path)
        values = self._reaching.at(self._block, path) if here is None else frozenset((here,))
        return bool(values) and all(self._makes_other(value, lock) for value in values)

    def _makes_other(self, value: Operand, lock: LockRef) -> bool:
        call = self._definitions.call(value) if isinstance(value, AccessPath) else None
        if call is None or call.callee is None:
            return False
        path = self._definitions.expand(call.callee)
        if path is None or self.callee(path).constructs is None:
            return False
        return self._resolver.lock_class(self._function.key, path) not in (lock.kind, lock.api)

    def _chosen_lock(self, operand: AccessPath) -> LockRef | None:
        """A temporary that is one of several values, chosen by a conditional expression."""
        values = [value for value in self._definitions.values(operand) if value != operand]
        locks = [lock for value in values if (lock := self.lock(value)) is not None]
        if not locks:
            return None
        # If one of them may be acquired again, that is all that is known of the one at hand.
        chosen = next((lock for lock in locks if lock.kind.reentrant), locks[0])
        return msgspec.structs.replace(chosen, path=operand, exactness=Exactness.UNKNOWN)

    def callee(self, path: AccessPath | None) -> Callee:
        """Return what calling a path calls; an empty `Callee` where that is not known."""
        if path is None:
            return Callee()
        expanded = self._definitions.expand(path)
        if expanded is None:
            return Callee()
        found = self._resolver.callee(self._function.key, expanded)
        if not found.targets and found.external is None:
            key = self._narrowing.key(self._block, expanded)
            return found if key is None else self._resolver.callee(key, expanded)
        is_open = bool(found.overrides) or len(found.targets) > 1
        key = self._narrowing.limited(self._block, expanded, is_open)
        return found if key == self._function.key else self._resolver.callee(key, expanded)

    def key_for(self, path: AccessPath) -> str:
        """Return the key under which what a path leads through is of the classes that it may be."""
        return self._narrowing.limited(self._block, path, False)

    def manager(self, path: AccessPath) -> ContextManager:
        """Return what entering a path runs, the path of a `with` item that is no lock."""
        found = self._resolver.context_manager(self._function.key, path)
        if found == _NO_MANAGER and (key := self._narrowing.key(self._block, path)) is not None:
            return self._resolver.context_manager(key, path)
        return found

    def method(self, path: AccessPath | None) -> tuple[LockRef, str] | None:
        """The lock and the method, where ``path`` is a bound method of a lock."""
        if path is None:
            return None
        path = self._definitions.bound_method(path, self._methods)
        if not path.fields or path.name not in self._methods:
            return None
        path = self.passed_on(path)
        lock = self.lock(path.parent())
        if lock is None or path.name in lock.api.owned_attributes:
            return None
        if path.name not in LOCKING and (path.name in WAKES or path.name in lock.api.waits):
            if self.callee(path).targets:
                return None  # A subclass of the program has a method of its own in its place.
        return (lock, path.name)

    def possible_methods(self, path: AccessPath | None) -> Iterator[LockRef]:
        """Yield the locks of which a variable that is bound to several methods may call one."""
        if path is not None:
            for each in self._definitions.bound_methods(path, self._methods):
                lock = self.lock(each.parent())
                if lock is not None:
                    yield lock

    def passed_on(self, path: AccessPath) -> AccessPath:
        """Return the method of an object's own lock that a method is; else the path itself."""
        if not path.fields or path.name not in LOCKING:
            return path
        expanded = self._definitions.expand(path)
        if expanded is None:
            return path
        attribute = self._resolver.lock_of_method(self._function.key, expanded)
        if attribute is None and (key := self._narrowing.key(self._block, expanded)) is not None:
            attribute = self._resolver.lock_of_method(key, expanded)
        return path if attribute is None else path.parent().field(attribute).field(path.name)

    def asked_if_held(self, path: AccessPath) -> LockRef | None:
        """The lock, where ``path`` is an attribute of it that is true while it is held."""
        if not path.fields or path.name not in self._methods:
            return None
        lock = self.lock(path.parent())
        return lock if lock is not None and path.name in lock.api.owned_attributes else None

    def with_locks(self, arguments: tuple[CallArgument, ...]) -> tuple[CallArgument, ...]:
        """Return arguments with the locks, or the receivers of bound methods, that they are."""
        return tuple(
            [argument if argument.star else self._with_lock(argument) for argument in arguments]
        )

    def with_function(self, argument: CallArgument) -> CallArgument:
        """An argument for code that is not known, which may call it later, with what it may be."""
        match argument.value:
            case FunctionRef():
                return self._with_lock(argument)
            case AccessPath() as path if not argument.star:
                is_function = self._definitions.function(path) is not None
                if is_function or path.fields or path.root in (Root.GLOBAL, Root.CLOSURE):
                    found = self._with_lock(argument)
                    return argument if found.lock is not None else found
        return argument

    def _with_lock(self, argument: CallArgument) -> CallArgument:
        value = argument.value
        if isinstance(value, FunctionRef):
            key = f"{split_key(self._function.key)[0]}:{value.qualname}"
            return msgspec.structs.replace(argument, functions=(key,))
        if not isinstance(value, AccessPath):
            return argument
        lock = self.lock(value)
        if lock is not None:
            return msgspec.structs.replace(argument, lock=lock)
        reference = self._definitions.function(value)
        if reference is not None:
            key = f"{split_key(self._function.key)[0]}:{reference.qualname}"
            return msgspec.structs.replace(argument, functions=(key,))
        callee = self.callee(value)
        outside = (callee.external,) if callee.external is not None else ()
        functions = (*callee.targets, *callee.overrides, *outside) if callee.certain else ()
        receiver = None
        if callee.bound and callee.targets and callee.constructs is None and value.fields:
            receiver = callee.receiver or value.parent()
        if receiver is None and not functions:
            return argument
        return msgspec.structs.replace(argument, receiver=receiver, functions=functions)

    def is_callable(self, operand: Operand) -> bool:
        """Return whether an operand is a function written here, or a method of a lock."""
        if isinstance(operand, FunctionRef):
            return True
        if not isinstance(operand, AccessPath):
            return False
        return self._definitions.function(operand) is not None or self.method(operand) is not None
