"""Calls that get the result of an acquire, and that may raise if it is false.

After the call the lock is held::

    got = lock.acquire(timeout=5)
    require(got)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from locklint.analysis.binding import Binding
from locklint.analysis.function_context import Check, FunctionContext
from locklint.analysis.hold import FORGOTTEN, key_of
from locklint.analysis.lockset import Disjunct
from locklint.analysis.lockset_names import canonical_lock, value_of
from locklint.analysis.lockset_tests import evaluate
from locklint.analysis.raising import is_logging
from locklint.analysis.summary import Lookup
from locklint.dataflow.order import all_successors
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function
from locklint.ir.instruction import Assign, BlockId, Call, Constant, Operand, TryAcquire
from locklint.ir.means import Use
from locklint.ir.operands import condition_paths, defined_path
from locklint.ir.terminator import Branch, Raise, Return

_MOST_CALLS = 3
"""The largest number of functions in a row that pass a result on to each other."""


class Checked(NamedTuple):
    """The state at such a call, and what may happen next."""

    disjunct: Disjunct
    raises: bool
    returns: bool


def find_checks(context: FunctionContext) -> dict[AccessPath | None, Check]:
    """Return the calls that may raise because of the result of an acquire, by their own results."""
    function, lookup = context.function, context.lookup
    blocks = function.blocks.values()
    instructions = [each for block in blocks for each in block.instructions]
    results: dict[Operand, tuple[TryAcquire, ...]] = {
        each.result: (each,)
        for each in instructions
        if isinstance(each, TryAcquire) and each.result is not None
    }
    if not results:
        return {}
    made: dict[Operand, tuple[TryAcquire, ...]] = {}
    found: dict[AccessPath | None, Check] = {}
    for each in instructions:
        match each:
            case Assign(target=target, value=value) if target.is_variable:
                for names in (results, made):
                    if value in names:
                        names[target] = (*names.get(target, ()), *names[value])
            case Call(result=AccessPath() as result) if not is_logging(each.callee):
                check = _check(function, each, results, made, lookup)
                if check is not None:
                    found[result] = check
                given = [one.value for one in each.arguments if one.value in results]
                if given:
                    made[result] = tuple(one for value in given for one in results[value])
    return found


def _check(
    function: Function,
    call: Call,
    results: Mapping[Operand, tuple[TryAcquire, ...]],
    made: Mapping[Operand, tuple[TryAcquire, ...]],
    lookup: Lookup,
) -> Check | None:
    is_unknown = not call.targets and (
        call.use in (Use.DISCARDED, Use.AWAITED)
        and not (call.external or "").startswith(("builtins.", "collections."))
    )
    for argument in call.arguments:
        value = argument.value
        if isinstance(value, AccessPath) and value in results:
            if is_unknown and not _is_tested(function, value):
                return Check(results[value], value)
            if_false, if_true = (
                _outcome(function, call, {value: Constant(truth)}, lookup)
                for truth in (False, True)
            )
            if if_false.raises and if_false != if_true:
                return Check(results[value], value, if_false.returns, if_true.raises)
    passed = [call.written_receiver, *[argument.value for argument in call.arguments]]
    for each in passed:
        if each is not None and each in made:
            if is_unknown or _outcome(function, call, {}, lookup).raises:
                return Check(made[each])
    return None


def _is_tested(function: Function, value: AccessPath) -> bool:
    """Return whether the function tests a variable itself, so that others need not."""
    return any(
        value in condition_paths(block.terminator.condition)
        for block in function.blocks.values()
        if isinstance(block.terminator, Branch)
    )


class _Outcome(NamedTuple):
    returns: bool
    raises: bool


def _outcome(
    caller: Function,
    call: Call,
    known: Mapping[AccessPath, Constant],
    lookup: Lookup,
    depth: int = _MOST_CALLS,
) -> _Outcome:
    """Return whether a call may return, and may raise by a `raise`, if some variables are known."""
    arguments = tuple(
        [
            replace(each, value=known[each.value])
            if isinstance(each.value, AccessPath) and each.value in known
            else each
            for each in call.arguments
        ]
    )
    returns = raises = False
    for target in call.targets:
        found = lookup(target)
        if found is None or found[0].is_generator or found[0].is_async or not depth:
            returns = True
            continue
        callee = found[0]
        binding = Binding(caller, callee, replace(call, arguments=arguments), None)
        values = binding.passed(tuple([each.name for each in callee.parameters])).known()
        for each in _ends(callee, values, lookup, depth - 1):
            returns = returns or each.returns
            raises = raises or each.raises
    return _Outcome(returns, raises)


def _ends(
    function: Function, known: dict[AccessPath, Constant], lookup: Lookup, depth: int
) -> Iterator[_Outcome]:
    """Yield how a function may end, if the values of its parameters are known."""
    bound = {
        defined_path(each) for block in function.blocks.values() for each in block.instructions
    }
    known = {path: value for path, value in known.items() if path not in bound}
    state = Disjunct({}, known, {}, {})
    seen = {function.entry}
    work = [function.entry]
    while work:
        block = function.blocks[work.pop()]
        following: Iterable[BlockId] = all_successors(block)
        if not all(each.returns for each in _of_calls(function, block, known, lookup, depth)):
            yield _Outcome(returns=False, raises=True)
            continue
        match block.terminator:
            case Return():
                yield _Outcome(returns=True, raises=False)
            case Raise(reraise=False) if block.on_exception is None:
                yield _Outcome(returns=False, raises=True)
            case Branch(condition=condition, then=then, otherwise=otherwise):
                outcome = evaluate(condition, state)
                if outcome is not None:
                    following = (then if outcome else otherwise,)
        new = set(following) - seen
        seen |= new
        work += new


def _of_calls(
    function: Function,
    block: BasicBlock,
    known: Mapping[AccessPath, Constant],
    lookup: Lookup,
    depth: int,
) -> Iterator[_Outcome]:
    """Yield the outcomes of the calls in a block that get something known."""
    for each in block.instructions:
        if isinstance(each, Call) and each.targets:
            if any(one.value in known for one in each.arguments):
                yield _outcome(function, each, known, lookup, depth)


def checked(context: FunctionContext, check: Check, disjunct: Disjunct) -> Checked:
    """Return the state at a call that may raise because of the result of an acquire."""
    known = None if check.value is None else value_of(check.value, disjunct)
    if isinstance(known, Constant):
        if known.value:
            return Checked(disjunct, check.raises_if_true, returns=True)
        if not check.returns_if_false:
            return Checked(disjunct, raises=True, returns=False)
    for each in check.tries:
        key = key_of(canonical_lock(context, each.lock, disjunct), each.mode)
        disjunct = disjunct.with_hold(key, FORGOTTEN)
    return Checked(disjunct, raises=True, returns=True)
