"""Meanings of a callee's own names in its caller."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from locklint.analysis.outcomes import Sized, Value
from locklint.analysis.passed import Passed
from locklint.ir.access_path import (
    TAKEN_FROM,
    AccessPath,
    ElementField,
    Field,
    ResultField,
    Root,
    closure_of,
    global_of,
    parted_closure,
    parted_global,
)
from locklint.ir.cfg import Function, FunctionKind, split_key
from locklint.ir.instruction import AN_OBJECT, Assign, Call, CallArgument, Constant, Unknown
from locklint.ir.lock import LockRef
from locklint.ir.parameter import Parameter, Star, element_of, parted

Closure = tuple[tuple[str, AccessPath], ...]
"""The values of variables, by their names."""


class Binding:
    """A substitution of a callee's own names by the arguments of a call.

    For the call ``copy(self.old, target=new)`` of this function it exchanges ``source.lock`` for
    ``self.old.lock``, and ``target`` for ``new``::

        def copy(source, target): ...

    ``receiver`` is what the callee is bound to, where the call does not contain it. ``closure``
    says what variables of the caller mean at the call, where a callee inside it names them.
    """

    def __init__(
        self,
        caller: Function,
        callee: Function,
        call: Call | None,
        receiver: AccessPath | None,
        closure: Closure = (),
    ) -> None:
        self._caller = caller
        self._callee = callee
        self.roots: dict[str, AccessPath] = {}
        self.locks: dict[str, LockRef] = {}
        self._receivers: dict[str, AccessPath] = {}  # of bound methods that are passed
        self.functions: dict[str, tuple[str, ...]] = {}
        self.constants: dict[str, Constant] = {}
        self._given: set[str] = set()
        self._closure = dict(closure)
        self._is_open = False  # something starred is passed: any parameter may be given
        self._collected: dict[str, list[CallArgument]] = {}
        self._receiving = ""  # the starred parameter that collects the receiver too
        names = list(callee.parameters)
        if callee.kind in (FunctionKind.METHOD, FunctionKind.CLASS_METHOD) and names:
            if receiver is None and call is not None:
                receiver = receiver_of(caller, callee, call)
            if receiver is not None:
                self._receive(names, receiver)
            elif call is not None and call.bound and not names[0].star:
                names.pop(0)
        if call is not None:
            self._pass(names, call.arguments)

    @classmethod
    def of_arguments(
        cls,
        caller: Function,
        callee: Function,
        arguments: tuple[CallArgument, ...],
        receiver: AccessPath | None,
        closure: Closure = (),
    ) -> Binding:
        """Return the binding of a function that other code will call with some arguments."""
        binding = cls(caller, callee, None, receiver, closure)
        names = list(callee.parameters)
        if receiver is not None and callee.kind in (
            FunctionKind.METHOD,
            FunctionKind.CLASS_METHOD,
        ):
            names = names[1:]
        binding._pass(names, arguments)
        return binding

    def _receive(self, names: list[Parameter], receiver: AccessPath) -> None:
        first = names[0]
        if first.star is Star.KEYWORDS:
            return
        if first.star is Star.POSITIONAL:
            self._receiving = first.name
            self.roots[element_of(first.name, ElementField("0"))] = receiver
        else:
            self.roots[names.pop(0).name] = receiver

    def _pass(self, names: list[Parameter], arguments: tuple[CallArgument, ...]) -> None:
        plain: list[str] = []
        collecting = ""
        for each in names:
            if each.star:
                collecting = each.name if each.star is Star.POSITIONAL else ""
                break
            plain.append(each.name)
        by_name = names[-1].name if names and names[-1].star is Star.KEYWORDS else ""
        bare = frozenset(each.name for each in names)
        self._collected.update((name, []) for name in (collecting, by_name) if name)
        taken = int(bool(collecting) and collecting == self._receiving)
        position, passed_on = 0, None
        for argument in arguments:
            if argument.star is Star.POSITIONAL and isinstance(argument.value, AccessPath):
                self._spread(plain[position:], argument.value, collecting)
                self._is_open = True
                continue
            if argument.star:
                self._is_open = True
                passed_on = argument.value
                continue
            if argument.name is not None:
                self._bind(argument.name, argument)
                if by_name and argument.name not in bare:
                    name = element_of(by_name, ElementField(repr(argument.name)))
                    self._bind(name, argument)
                    self._collected[by_name].append(_literal(argument))
            elif position < len(plain):
                self._bind(plain[position], argument)
                position += 1
            elif collecting:
                self._bind(element_of(collecting, ElementField(str(taken))), argument)
                self._collected[collecting].append(_literal(argument))
                taken += 1
        if (
            isinstance(passed_on, AccessPath)
            and passed_on.is_parameter
            and self._caller.collects_by_name(passed_on)
        ):
            self._pass_on(passed_on, names[position:])

    def _pass_on(self, source: AccessPath, names: list[Parameter]) -> None:
        """Bind ``f(**kwargs)``: parameters without another argument are elements of ``kwargs``."""
        for each in names:
            if each.star is Star.KEYWORDS:
                self.roots.setdefault(each.name, source)
            elif not each.star and each.name not in self._given:
                self.roots.setdefault(each.name, source.field(ElementField(repr(each.name))))

    def _spread(self, names: list[str], source: AccessPath, collecting: str) -> None:
        """``f(*args)``: the parameters are the elements, in order."""
        for index, name in enumerate(names):
            self.roots.setdefault(name, source.field(ElementField(str(index))))
        if collecting and not names:
            self.roots.setdefault(collecting, source)

    def _bind(self, name: str, argument: CallArgument) -> None:
        self._given.add(name)
        if isinstance(argument.value, AccessPath):
            self.roots[name] = argument.value
        elif isinstance(argument.value, Constant):
            self.constants[name] = argument.value
        if argument.lock is not None:
            self.locks[name] = argument.lock
        if argument.functions:
            self.functions[name] = argument.functions
        if argument.receiver is not None:
            self._receivers[name] = argument.receiver

    def value(self, name: str) -> AccessPath | None:
        """Return the argument for a parameter, or for an element of a starred one, or None."""
        known = self.roots.get(name)
        if known is not None:
            return known
        collecting, element = parted(name)
        source = self.roots.get(collecting)
        return None if source is None or element is None else source.field(element)

    def is_passed(self, name: str) -> bool:
        """Return whether the call passes something that has not been left out itself."""
        path = self.roots.get(name)
        if path is not None and path.is_parameter:
            if any(known == path.root_name for known, _ in self._caller.defaults):
                return False
        return name in self._given

    def may_be_left_out(self, name: str) -> bool:
        """Return whether the parameter's default is a literal that means nothing."""
        return any(known == name and not value.value for known, value in self._callee.defaults)

    def constant(self, name: str) -> Constant | None:
        """Return the literal that a parameter is, passed or by default, or None if unknown.

        A lock is true and not None.
        """
        if name in self.constants:
            return self.constants[name]
        if name in self.locks and not self.locks[name].may_be_none:
            return AN_OBJECT
        if name in self._given or name in self.roots or self._is_open:
            return None
        return next((value for known, value in self._callee.defaults if known == name), None)

    def items(self, name: str) -> Value | None:
        """Return what a starred parameter collects: the names, or their number. None: unknown."""
        collected = self._collected.get(name)
        if collected is None or self._is_open or name == self._receiving:
            return None
        names = [each.name for each in collected if each.name is not None]
        return tuple(names) if names else Sized(len(collected))

    def passed(self, names: tuple[str, ...]) -> Passed:
        """Return what is passed for some of the callee's parameters, as far as it is literal."""
        values = [(name, self.constant(name)) for name in names]
        collected = {} if self._is_open else self._collected
        return Passed(
            tuple([(name, value) for name, value in values if value is not None]),
            tuple(
                [
                    (name, tuple(collected[name]))
                    for name in names
                    # The holder of the receiver is not known by its other elements.
                    if name in collected and name != self._receiving
                ]
            ),
        )

    def lock(self, lock: LockRef) -> LockRef | None:
        """Return the lock as the caller names it. Return None if the caller cannot name it."""
        if lock.path.is_parameter:
            passed = self.locks.get(lock.path.root_name)
            if passed is not None:
                return msgspec.structs.replace(passed, mode=lock.mode or passed.mode)
        elif lock.path.root is Root.CLOSURE and self._callee.enclosed:
            known = self._enclosed(lock.path)
            if known is not None:
                here = self._of_global(known.path)
                return msgspec.structs.replace(known, path=here, mode=lock.mode or known.mode)
        path = self.path(lock.path)
        return None if path is None else msgspec.structs.replace(lock, path=path)

    def path(self, path: AccessPath) -> AccessPath | None:
        """Return a path of the callee's as the caller names it. Return None if it cannot."""
        match path.root:
            case Root.SELF | Root.PARAMETER:
                return self._of_parameter(path)
            case Root.CLOSURE:
                return self._of_closure(path)
            case Root.GLOBAL:
                return self._of_global(path)
            case _:
                return None

    def inner(self, path: AccessPath) -> Iterator[AccessPath]:
        """Yield the callee's own names for a path of the caller's."""
        for name, root in self.roots.items():
            if path.starts_with(root) and name.isidentifier():
                own = Root.SELF if name == self._callee.self_name else Root.PARAMETER
                yield AccessPath(name, path.fields[len(root.fields) :], own)
        if path.root is Root.GLOBAL and self._callee.module == self._caller.module:
            yield path

    def _of_global(self, path: AccessPath) -> AccessPath:
        module, name = parted_global(path.root_name)
        if module is not None and module == self._caller.module:
            return msgspec.structs.replace(path, root_name=name)  # It is the caller's own.
        if self._callee.module == self._caller.module:
            return path
        if module is not None or "." in path.root_name:
            return path  # It says by itself which module it is of.
        name = global_of(self._callee.module, path.root_name)
        return msgspec.structs.replace(path, root_name=name)

    def _enclosed(self, path: AccessPath) -> LockRef | None:
        """Return the lock that a parameter around the callee is for a caller outside, or None."""
        for closure, lock in self._callee.enclosed:
            owner, name = parted_closure(closure)
            if path.root_name in (name, closure) and path.is_variable:
                return None if f"{self._caller.key}.".startswith(f"{owner}.") else lock
        return None

    def _of_parameter(self, path: AccessPath) -> AccessPath | None:
        name, fields = path.root_name, path.fields
        root = self.roots.get(name)
        if fields and fields[0] == TAKEN_FROM and name in self._receivers:
            root, fields = self._receivers[name], fields[1:]
        if root is None and fields and isinstance(fields[0], ElementField):
            # An element of what a starred parameter collects.
            root, fields = self.roots.get(element_of(name, fields[0])), fields[1:]
        if root is None:
            return None
        translated = tuple([self._field(field) for field in fields])
        return AccessPath(root.root_name, root.fields + translated, root.root)

    def _field(self, field: Field) -> Field:
        """Return a field, which may name the callee's variables, as the caller would write it."""
        match field:
            case ElementField(key=str(key)) if field.literal is None:
                return ElementField(self._text(key))
            case ResultField(arguments=str(arguments)) if arguments:
                return ResultField(self._text(arguments))
            case _:
                return field

    def _text(self, name: str) -> str | None:
        """Return a variable or parameter of the callee's as the caller would write it, or None."""
        known = self.roots.get(name) or self.constants.get(name)
        return None if known is None else str(known)

    def _of_closure(self, path: AccessPath) -> AccessPath:
        """Return a variable of a function around the callee, as the caller names it.

        A caller outside that function has no other name for it than the function's, which that
        function recognises as its own, unless all calls of that function pass one lock.
        """
        known = self._enclosed(path) if self._callee.enclosed else None
        if known is not None:
            return self._of_global(known.path)
        owner, name = parted_closure(path.root_name)
        if not owner:
            if self._callee.parent is None:
                return path
            owner = f"{split_key(self._callee.key)[0]}:{self._callee.parent}"
        caller = self._caller
        if f"{owner}.".startswith(f"{caller.key}."):
            own = self._closure.get(name, AccessPath(name, (), self._root(name)))
            return AccessPath(own.root_name, own.fields + path.fields, own.root)
        if f"{caller.key}.".startswith(f"{owner}.") and self._root(name) is Root.CLOSURE:
            return AccessPath(name, path.fields, Root.CLOSURE)
        return AccessPath(closure_of(owner, name), path.fields, Root.CLOSURE)

    def _root(self, name: str) -> Root:
        """Return the place of a name's binding, as the caller sees it."""
        caller = self._caller
        if name == caller.self_name:
            return Root.SELF
        if any(name == each.name for each in caller.parameters):
            return Root.PARAMETER
        own = caller.parent is None or any(
            isinstance(each, Assign) and each.target == AccessPath(name, (), Root.LOCAL)
            for block in caller.blocks.values()
            for each in block.instructions
        )
        return Root.LOCAL if own else Root.CLOSURE


def _literal(argument: CallArgument) -> CallArgument:
    """Return an argument with any value but a literal left out."""
    value = argument.value if isinstance(argument.value, Constant) else Unknown()
    return CallArgument(value, argument.name)


def receiver_of(caller: Function, callee: Function, call: Call) -> AccessPath | None:
    """Return what a call passes as ``self``: the object before the last dot, or the caller's own.

    ``super()`` has the caller's own object. A constructor's is the call's result. A bound method
    that was stored or passed has its own receiver.
    """
    path = call.callee
    if not call.bound:
        return None
    if call.receiver is not None:
        return call.receiver
    if path is None or (callee.name == "__init__" and path.name != "__init__"):
        return call.result
    if not path.fields or path.name != callee.name:
        return path if callee.name == "__call__" else path.taken_from()
    if path.is_of_super_call:
        return AccessPath(caller.self_name, (), Root.SELF) if caller.self_name else None
    return path.parent()
