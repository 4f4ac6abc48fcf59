"""Instructions that cannot raise in practice, given the types of their operands.

Types come from the resolver; `models.plain_values` says what is safe with them. Tests matter as
well as types: an element popped right after `if queue:` exists. Finding types takes time, and
matters only where a lock is held without `with` (`engine.judged_by_raising`), so functions are
marked when that is known.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from operator import is_

import msgspec

from locklint.core.diagnostic import Confidence
from locklint.dataflow.order import predecessors
from locklint.frontend.definitions import Definitions
from locklint.frontend.removals import puts_in, removes, removes_key, takes_out
from locklint.frontend.resolver import Resolver
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField, Field, Root
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import (
    Assign,
    BlockId,
    Call,
    Constant,
    Display,
    FunctionRef,
    Instruction,
    Operand,
    Operate,
    Read,
    Unknown,
)
from locklint.ir.lock import LockRef
from locklint.ir.means import OperateKind
from locklint.ir.operands import condition_paths, defined_path
from locklint.ir.terminator import Branch, Condition, Equals, IsNone, Opaque, Truth
from locklint.models.plain_values import (
    MAPPINGS,
    NEEDING_ONE,
    TAKING,
    Types,
    call_is_safe,
    is_lazy,
    operator_is_safe,
    takes_key,
    takes_one,
)

_UNKNOWN: Types = frozenset()
_NONE: Types = frozenset(["builtins.NoneType"])
_MAX_BLOCKS = 12
"""The largest number of blocks before an instruction that are searched for a test."""

_LENGTH = re.compile(r"\(?len\((?P<path>[^()]+)\)(?: (?:> .+|>= [1-9]\d*|!= 0)\))?")
_MEMBER = re.compile(r"\((?P<key>[^() ]+)(?P<not> not)? in (?P<path>[^()]+)\)")


_OWN_VARIABLES = (Root.LOCAL, Root.PARAMETER)
_COPYING = frozenset(("list", "set", "sorted", "tuple"))
_OF_ITERATION = ((ANY_ELEMENT,), (ANY_ELEMENT, ElementField("0")))
"""The fields of what a loop binds: an element, or the first part of one."""

_BEGINNING = ("builtins.iter", "builtins.reversed")
_VIEWS = ("items", "keys", "values")

_CONVERTING = {"builtins.float": "__float__", "builtins.int": "__int__"}


def mark_safe(function: Function, resolver: Resolver) -> Function:
    """Return a resolved function with the instructions marked that cannot raise in practice.

    It is the very same function where there are none.
    """
    marks = _CannotRaise(function, resolver)
    blocks = dict(function.blocks)
    for key, block in function.blocks.items():
        marked = tuple([marks.mark(each, block) for each in block.instructions])
        if not all(map(is_, marked, block.instructions)):
            blocks[key] = msgspec.structs.replace(block, instructions=marked)
    if all(map(is_, blocks.values(), function.blocks.values())):
        return function
    return msgspec.structs.replace(function, blocks=blocks)


class _CannotRaise:
    """Marks the instructions of one function that cannot raise in practice."""

    def __init__(self, function: Function, resolver: Resolver) -> None:
        self._function = function
        self._resolver = resolver
        self._definitions = Definitions(function)
        self._before: tuple[dict[BlockId, set[BlockId]], dict[BlockId, set[BlockId]]] | None = None

    def mark(self, instruction: Instruction, block: BasicBlock) -> Instruction:
        """The instruction, marked as safe if it is; ``block`` holds it."""
        match instruction:
            case Read(path=path) if path.fields and not path.is_own_attribute:
                safe = self._reads(path) or self._is_tested(path, instruction, block)
            case Assign(target=target) if target.fields and not target.is_own_attribute:
                safe = self._binds(target)
            case Operate(kind=OperateKind.IMPORT, what=module):
                top = module.partition(".")[0]
                safe = top in sys.stdlib_module_names  # Tests of the platform precede it.
            case Operate(with_literal=False, values=values) if values:
                safe = self._operates(instruction, block)
            case Call(lock=None, implicit=None):
                safe = self._calls(instruction, block) or (
                    not instruction.targets and self._takes_what_is_there(instruction, block)
                )
            case _:
                return instruction
        return msgspec.structs.replace(instruction, safe=True) if safe else instruction

    # -- single instructions ----------------------------------------------------------------

    def _reads(self, path: AccessPath) -> bool:
        if path.name == "__class__":
            return True
        expanded = self._definitions.expand(path)
        if expanded is None or not expanded.fields:
            return not path.is_element
        if self._resolver.has_last(self._function.key, expanded):
            return True
        # The author of an unknown object knows what attributes it has.
        unknown = not self._resolver.type_names(self._function.key, expanded.parent())
        return not path.is_element and (unknown or self._is_part_of_lock(path))

    def _binds(self, target: AccessPath) -> bool:
        expanded = self._definitions.expand(target)
        if expanded is None or not expanded.fields:
            return False
        if target.is_element:
            holder = self._types(target.parent())
            return bool(holder) and holder <= MAPPINGS
        if self._resolver.can_bind(self._function.key, expanded):
            return True
        # As with reading: its author knows what may be set.
        return not self._resolver.type_names(self._function.key, expanded.parent())

    def _operates(self, operate: Operate, block: BasicBlock) -> bool:
        values, kind = operate.values, operate.kind
        if kind is OperateKind.DELETE:
            path = values[0]
            return isinstance(path, AccessPath) and self._is_tested(path, operate, block)
        if kind is OperateKind.UNPACK:
            return self._unpacks(*values)
        if kind is OperateKind.ITERATE and self._runs_code(values[0]):
            return False
        types = [self._types(value) for value in values]
        if operate.what in ("==", "!=") and all(types):
            return self._are_equatable(values)
        return operator_is_safe(kind, operate.what, types)

    def _unpacks(self, value: Operand, parts: Operand) -> bool:
        """Return whether a value is a display with that many items at least."""
        if not (isinstance(value, AccessPath) and isinstance(parts, Constant)):
            return False
        expanded = self._definitions.expand(self._copied(value))
        if expanded is None or not isinstance(parts.value, int):
            return False
        last = expanded.field(ElementField(str(parts.value - 1)))
        return self._resolver.has_last(self._function.key, last)

    def _copied(self, path: AccessPath) -> AccessPath:
        """A path with a copy of a container exchanged for the container."""
        call = self._definitions.call(AccessPath(path.root_name, (), path.root))
        if call is not None and str(call.callee) in _COPYING and call.arguments:
            source = call.arguments[0].value
            if isinstance(source, AccessPath):
                return AccessPath(source.root_name, source.fields + path.fields, source.root)
        return path

    def _are_equatable(self, values: tuple[Operand, ...]) -> bool:
        """Return whether comparing them runs no method of the project; `object`'s cannot raise."""
        for value in values:
            if operator_is_safe(OperateKind.OPERATOR, "==", [self._types(value)]):
                continue
            expanded = self._definitions.expand(value) if isinstance(value, AccessPath) else None
            if expanded is None:
                return False
            if not all(":" in name for name in self._types(value)):
                return False
            if self._resolver.operator(self._function.key, expanded, "__eq__").targets:
                return False
        return True

    def _calls(self, call: Call, block: BasicBlock) -> bool:
        name = call.external
        if not call.arguments and not call.targets and call.callee is not None:
            lock = self._known_lock(call.callee.parent()) if call.callee.fields else None
            if lock is not None and not lock.kind.remote:
                return True  # Neither an acquire nor a release: it describes the lock.
        if name is None or any(argument.star for argument in call.arguments):
            return False
        plain = [argument.value for argument in call.arguments if argument.name is None]
        if call.callee is not None and call.callee.fields:
            container = call.callee.parent()
            if takes_one(name, plain):
                return self._is_filled(container, call, block)
            if takes_key(name, len(call.arguments)) and plain:
                return self._is_known(container, call, block, ElementField(str(plain[0])))
        if any(self._runs_code(value) for value in plain):
            return False
        if name in NEEDING_ONE and len(call.arguments) == 1 and isinstance(plain[0], AccessPath):
            return self._is_filled(plain[0], call, block)
        if name == "builtins.next" and len(call.arguments) == 1 and plain:
            over = self._begun_over(plain[0])
            if over is not None and self._is_filled(over, call, block):
                return True
        if name in _CONVERTING and len(plain) == 1:
            if self._has_method(plain[0], _CONVERTING[name]) or self._is_number(plain[0]):
                return True  # There is nothing to parse.
        keywords = [argument.name for argument in call.arguments if argument.name is not None]
        return call_is_safe(name, [self._types(value) for value in plain], keywords)

    def _begun_over(self, value: Operand) -> AccessPath | None:
        """Return the container over which an iterator is new: ``iter(d)``, ``iter(d.keys())``."""
        iterator = self._definitions.call(value) if isinstance(value, AccessPath) else None
        if iterator is None or iterator.external not in _BEGINNING or len(iterator.arguments) != 1:
            return None
        over = iterator.arguments[0].value
        if not isinstance(over, AccessPath):
            return None
        view = self._definitions.call(over)
        if view is None:
            return over
        is_view = view.callee is not None and view.callee.fields and view.callee.name in _VIEWS
        return view.callee.parent() if view.callee is not None and is_view else None

    def _is_number(self, value: Operand) -> bool:
        """Return whether a value was calculated or is part of a lock; a variable has only such."""
        match value:
            case Unknown(is_number=is_number):
                return is_number
            case Constant(value=literal):
                return isinstance(literal, int | float)
            case AccessPath() if value.is_variable and value.root in (Root.LOCAL, Root.TEMP):
                values = self._definitions.values(value)
                return bool(values) and all(
                    self._is_part_of_lock(each)
                    if isinstance(each, AccessPath)
                    else self._is_number(each)
                    for each in values
                )
            case AccessPath():
                return self._is_part_of_lock(value)
            case _:
                return False

    def _is_part_of_lock(self, path: AccessPath) -> bool:
        """Return whether a value is an attribute of a lock, or of what a method of one returns."""
        expanded = self._definitions.expand(path)
        while expanded is not None and expanded.fields:
            expanded = expanded.parent()
            if self._known_lock(expanded) is not None:
                return True
        return False

    def _known_lock(self, path: AccessPath) -> LockRef | None:
        """Return the lock that a path leads to, if its kind is known for sure."""
        expanded = self._definitions.expand(path)
        if expanded is None:
            return None
        lock = self._resolver.lock(self._function.key, expanded)
        return lock if lock is not None and lock.confidence is Confidence.HIGH else None

    def _has_method(self, value: Operand, method: str) -> bool:
        """Return whether a value is an object of the program's with that method."""
        expanded = self._definitions.expand(value) if isinstance(value, AccessPath) else None
        types = self._types(value)
        return (
            expanded is not None
            and bool(types)
            and all(":" in name for name in types)
            and bool(self._resolver.operator(self._function.key, expanded, method).targets)
        )

    def _takes_what_is_there(self, call: Call, block: BasicBlock) -> bool:
        """Return whether tests show that a container of unknown type holds the removed element."""
        if call.callee is None or not call.callee.fields or len(call.arguments) > 1:
            return False
        if call.callee.name not in TAKING:
            return False
        if any(argument.star or argument.name for argument in call.arguments):
            return False
        container = call.callee.parent()
        if not call.arguments:
            return self._is_filled(container, call, block)
        wanted = ElementField(str(call.arguments[0].value))
        return self._is_known(container, call, block, wanted)

    def _runs_code(self, value: Operand) -> bool:
        """Return whether going through a value may run code of the program."""
        if isinstance(value, FunctionRef):
            return True
        call = self._definitions.call(value) if isinstance(value, AccessPath) else None
        if call is None or call.callee is None:
            return False
        expanded = self._definitions.expand(call.callee)
        if expanded is None:
            return True
        callee = self._resolver.callee(self._function.key, expanded)
        return bool(callee.targets) or is_lazy(callee.external or "")

    # -- types ------------------------------------------------------------------------------

    def _types(self, value: Operand) -> Types:
        match value:
            case Constant(value=literal):
                return frozenset([f"builtins.{type(literal).__name__}"])
            case Display(kind=kind):
                return frozenset([f"builtins.{kind}"])
            case FunctionRef():
                return frozenset(["builtins.function"])
            case AccessPath():
                return self._types_of_path(value)
            case Unknown(mentions=mentions) if mentions:
                # A value computed from numbers is a number, and a part of a list is a list. A None
                # among them would have raised before.
                parts = [self._types(path) - _NONE for path in mentions]
                return frozenset().union(*parts) if all(parts) else _UNKNOWN
            case _:
                return _UNKNOWN

    def _types_of_path(self, path: AccessPath) -> Types:
        expanded = self._definitions.expand(path)
        if expanded is not None:
            return self._resolver.type_names(self._function.key, expanded)
        if path.is_variable:
            # The outcome of a test, or one of two values.
            values = self._definitions.values(path)
            parts = [self._types(value) for value in values if not isinstance(value, AccessPath)]
            if parts and len(parts) == len(values) and all(parts):
                return frozenset().union(*parts)
        return _UNKNOWN

    # -- tests ------------------------------------------------------------------------------

    def _is_tested(self, path: AccessPath, at: Instruction, block: BasicBlock) -> bool:
        """Return whether a test has shown that something is there.

        Of ``d[k]`` ``k in d`` or ``d.get(k)``, of ``q[0]`` ``q``, of ``x.y`` ``hasattr(x, "y")``.
        """
        holder = path.parent()
        field = path.last
        if not isinstance(field, ElementField):
            return self._is_known(holder, at, block, field)
        types = self._types(holder)
        if not types:
            return False
        if field.key in ("0", "-1"):
            return not types & MAPPINGS and self._is_filled(holder, at, block)
        return types <= MAPPINGS and self._is_known(holder, at, block, field)

    def _is_filled(self, container: AccessPath, at: Instruction, block: BasicBlock) -> bool:
        """Return whether a container was tested for being filled, and nothing was removed since."""
        return self._is_known(container, at, block, None)

    def _is_known(
        self, container: AccessPath, at: Instruction, block: BasicBlock, wanted: Field | None
    ) -> bool:
        """Return whether tests on all paths to an instruction find something in a container.

        That is the ``wanted`` element or attribute, or any element if it is None.
        """
        left = _MAX_BLOCKS

        def is_known_behind(
            instructions: Sequence[Instruction],
            here: BlockId,
            asked: Call | None,
            passed: Mapping[Condition, bool],
        ) -> bool:
            nonlocal left
            for each in reversed(instructions):
                if each is asked or self._goes_through(each, container, wanted):
                    return True
                if puts_in(each, container, wanted):
                    return True
                if takes_out(each, container) or _binds_anew(each, wanted):
                    return False
            passed = {
                test: outcome for test, outcome in passed.items() if _keeps(instructions, test)
            }
            before, raising = self._blocks_before(here)
            left -= len(before) + len(raising)
            if not (before or raising) or here == self._function.entry or left < 0:
                return False
            return all(is_known_from(each, here, asked, passed) for each in sorted(before)) and all(
                is_known_behind(self._taking_out(each, container), each, None, {})
                for each in sorted(raising)
            )

        def is_known_from(
            source: BlockId, target: BlockId, asked: Call | None, passed: Mapping[Condition, bool]
        ) -> bool:
            test = self._function.blocks[source]
            branch = test.terminator
            if isinstance(branch, Branch):
                outcome = branch.then == target
                if passed.get(branch.condition, outcome) is not outcome:
                    return True  # The same test has the same outcome again, so this path is none.
                if asked is None:
                    if self._says(branch, outcome, str(container), wanted):
                        return True
                    asked = self._got(branch.condition, outcome, container, wanted)
                if isinstance(branch.condition, Truth | IsNone | Equals):
                    passed = {**passed, branch.condition: outcome}
            return is_known_behind(test.instructions, source, asked, passed)

        instructions: Sequence[Instruction] = block.instructions
        place = next(
            (i for i, each in enumerate(instructions) if each.span == at.span), len(instructions)
        )
        return is_known_behind(instructions[:place], block.id, None, {})

    def _blocks_before(self, block: BlockId) -> tuple[set[BlockId], set[BlockId]]:
        """The blocks from which control comes, and those from which it comes by an exception."""
        if self._before is None:
            self._before = (
                predecessors(self._function, lambda each: each.successors()),
                predecessors(self._function, _on_exception),
            )
        ordinary, exceptional = self._before
        return ordinary[block], exceptional[block]

    def _taking_out(self, block: BlockId, container: AccessPath) -> list[Instruction]:
        """Return the part of a block before an exception that leaves it: the rest might not run."""
        instructions = self._function.blocks[block].instructions
        return [each for each in instructions if takes_out(each, container)]

    def _got(
        self, condition: Condition, outcome: bool, container: AccessPath, wanted: Field | None
    ) -> Call | None:
        """The ``container.get(key)`` that has given something, as the outcome of a test shows."""
        absent = "None"
        match condition:
            case Truth(value=AccessPath() as path) if outcome:
                pass
            case IsNone(value=AccessPath() as path) if not outcome:
                pass
            case Equals(AccessPath() as path, Constant(value=shown)) if outcome and shown:
                pass
            case Equals(AccessPath() as path, constant) if not outcome:
                absent = str(constant)
            case _:
                return None
        values = self._definitions.values(path) if path.root is Root.LOCAL else [path]
        value = values[0] if len(values) == 1 else None
        call = self._definitions.call(value) if isinstance(value, AccessPath) else None
        if call is None or call.callee is None or call.callee != container.field("get"):
            return None
        key = _key(wanted)
        arguments = [str(argument) for argument in call.arguments]
        is_default = arguments == [key] and absent == "None"
        return call if is_default or arguments == [key, absent] else None

    def _goes_through(
        self, binding: Instruction, container: AccessPath, wanted: Field | None
    ) -> bool:
        """Return whether a loop over a copy of the keys binds ``key``, and deletes that alone.

        ``for k in list(d): del d[k]``.
        """
        match binding:
            case Assign(target=target, value=AccessPath(root=Root.TEMP) as value):
                pass
            case _:
                return False
        key = _key(wanted)
        if str(target) != key or value.fields not in _OF_ITERATION:
            return False
        copy = self._definitions.call(AccessPath(value.root_name, (), Root.TEMP))
        if copy is None or str(copy.callee) not in _COPYING or len(copy.arguments) != 1:
            return False
        copied = copy.arguments[0].value
        keys = self._definitions.call(copied) if isinstance(copied, AccessPath) else None
        if keys is not None:
            method = "items" if len(value.fields) > 1 else "keys"
            if keys.callee != container.field(method):
                return False
        elif copied != container or len(value.fields) > 1:
            return False
        return not any(
            removes(each, container) and not removes_key(each, container, key)
            for block in self._function.blocks.values()
            for each in block.instructions
        )

    def _says(self, branch: Branch, outcome: bool, container: str, wanted: Field | None) -> bool:
        """Return whether a test's outcome says that something, or that key, is in the container."""
        match branch.condition:
            case Truth(value=AccessPath() as path) if wanted is None and outcome:
                return container in (str(path), self._measured(path))
            case Equals(value=AccessPath() as path, constant=length) if wanted is None:
                return outcome is bool(length.value) and self._measured(path) == container
            case Opaque(text=str() as text) if isinstance(wanted, str):
                return outcome and text == f"hasattr({container}, {wanted!r})"
            case Opaque(text=str() as text):
                found = (_LENGTH if wanted is None else _MEMBER).fullmatch(text)
                if found is None or found["path"] != container:
                    return False
                if wanted is None:
                    return outcome
                return found["key"] == _key(wanted) and outcome is (found["not"] is None)
            case _:
                return False

    def _measured(self, path: AccessPath) -> str:
        """Return the path of which a value is the length."""
        call = self._definitions.call(path)
        if call is None or str(call.callee) != "len" or len(call.arguments) != 1:
            return ""
        return str(call.arguments[0].value)


def _on_exception(block: BasicBlock) -> tuple[BlockId, ...]:
    return () if block.on_exception is None else (block.on_exception,)


def _keeps(instructions: Sequence[Instruction], test: Condition) -> bool:
    """Return whether a test has the same outcome before and after some instructions.

    Other code may change what an attribute is, but not a variable that the function does not bind.
    """
    if all(isinstance(each, Read) for each in instructions):
        return True
    paths = condition_paths(test)
    bound = {defined_path(each) for each in instructions}
    return all(
        path.is_variable and path.root in _OWN_VARIABLES and path not in bound for path in paths
    )


def _key(wanted: Field | None) -> str | None:
    """Return the key of an element; None for any other one, and for an attribute."""
    return wanted.key if isinstance(wanted, ElementField) else None


def _binds_anew(instruction: Instruction, wanted: Field | None) -> bool:
    """Return whether a key is another one before an instruction."""
    key = _key(wanted)
    if key is None or not isinstance(instruction, Assign):
        return False
    target = str(instruction.target)
    return key == target or key.startswith(f"{target}.")
