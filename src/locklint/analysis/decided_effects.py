"""Tests that decide what a call does to locks, and that the caller can name.

After ``self.lock()`` the caller holds the lock if ``self.threaded`` is true, where that is what
``lock`` has tested. The two outcomes go on separately, up to the next call or test that depends on
it.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.deciding import Deciding
from locklint.analysis.relevance import AskedByCall
from locklint.analysis.summary import Lookup, Test
from locklint.ir.access_path import TAKEN_FROM, AccessPath, Root, parted_closure, parted_global
from locklint.ir.cfg import Function
from locklint.ir.instruction import Call, Enter, Exit
from locklint.ir.operands import defined_path
from locklint.ir.terminator import Branch, Equals, IsNone, Truth

_MAX_TESTS = 4
"""The largest number of tests in a function that are considered."""

_MAX_CALLEES = 16
"""The largest number of functions that are searched for bindings of what is tested."""


def for_caller(binding: Binding, test: Test) -> Test | None:
    """Return a callee's test in the names of its caller. Return None if the caller has none."""
    value = test.value
    path = binding.path(value) if isinstance(value, AccessPath) else None
    if path is None or TAKEN_FROM in path.fields or path.is_vague:
        return None
    return replace(test, value=path)


def tests_of_calls(function: Function, lookup: Lookup) -> list[AskedByCall]:
    """Return the tests that decide the effects of a function's calls."""
    found: list[AskedByCall] = []
    for block in function.blocks.values():
        for call in block.instructions:
            if not isinstance(call, Call) or len(call.targets) != 1:
                continue
            known = lookup(call.targets[0])
            if known is None:
                continue
            callee, summary = known
            tests = [each.decided.test for each in summary.effects if each.decided is not None]
            if tests:
                binding = Binding(function, callee, call, None)
                here = [for_caller(binding, test) for test in dict.fromkeys(tests)]
                found += [AskedByCall(block.id, call.span, test) for test in here if test]
    return found


def tests_for_callers(function: Function, lookup: Lookup) -> tuple[Test, ...]:
    """Return the tests that may decide the effects of a function, and that callers can name.

    They have the same outcome at its exits: neither it nor what it calls binds what is tested.
    """
    found: dict[Test, None] = {}
    deciding = Deciding(function, lookup)
    for block_id in sorted(deciding.tests):
        terminator = function.blocks[block_id].terminator
        if isinstance(terminator, Branch):
            match terminator.condition:
                case Truth(AccessPath()) | IsNone(AccessPath()) | Equals(AccessPath()) as test:
                    found[test] = None
    for call in tests_of_calls(function, lookup):
        assert isinstance(call.test, (Truth, IsNone, Equals))
        found[call.test] = None
    tests = [
        test
        for test in found
        if isinstance(test.value, AccessPath) and _has_name_outside(test.value)
    ]
    if not tests or len(tests) > _MAX_TESTS:
        return ()
    bound = _bound_names(function, lookup)
    if bound is None:
        return ()
    return tuple(test for test in tests if bound.isdisjoint(_names(test)))


def _has_name_outside(path: AccessPath) -> bool:
    if not path.is_plain:
        return False
    if path.root is Root.SELF:
        return bool(path.fields)
    return path.root in (Root.PARAMETER, Root.CLOSURE, Root.GLOBAL)


def _names(test: Test) -> set[object]:
    """Return the names in the path of what is tested, without ``self``."""
    path = test.value
    assert isinstance(path, AccessPath)
    return {*path.fields} if path.root is Root.SELF else {_own_name(path), *path.fields}


def _own_name(path: AccessPath) -> str:
    match path.root:
        case Root.GLOBAL:
            return parted_global(path.root_name)[1]
        case Root.CLOSURE:
            return parted_closure(path.root_name)[1]
        case _:
            return path.root_name


def _bound_names(function: Function, lookup: Lookup) -> set[object] | None:
    """Return the names of all attributes and variables that a function, or a callee, binds.

    Return None where a function is called of which nothing is known.
    """
    found: set[object] = set()
    seen = {function.key}
    work = [function]
    while work:
        current = work.pop()
        for block in current.blocks.values():
            for each in block.instructions:
                path = defined_path(each)
                if path is not None:
                    found.add(path.last if path.fields else _own_name(path))
        for key in _called(current):
            if key is None:
                return None
            if key not in seen:
                seen.add(key)
                known = lookup(key)
                if known is None or len(seen) > _MAX_CALLEES:
                    return None
                work.append(known[0])
    return found


def _called(function: Function) -> Iterator[str | None]:
    """Yield the keys of the functions that a function calls, and None for an unknown one."""
    for block in function.blocks.values():
        for each in block.instructions:
            match each:
                case Call(lock=None, external=None, targets=targets, overrides=overrides):
                    yield from (*targets, *overrides) or (None,)
                case Enter(manager=None) | Exit(manager=None):
                    yield None
                case Enter(manager=manager) | Exit(manager=manager) if manager is not None:
                    keys = [manager.enter, manager.exit, manager.generator]
                    yield from [key for key in keys if key is not None]
                    if manager.external is None and not any(keys):
                        yield None
