"""Parameters from which values in variables and attributes of a function come."""

from __future__ import annotations

from collections import defaultdict

from locklint.dataflow.order import reached
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.cfg import Function
from locklint.ir.instruction import Assign, BlockId, Call, Constant, Display, Operand

_COPIES = frozenset(
    f"builtins.{name}" for name in "bool dict frozenset int list set str tuple".split()
)
"""Functions whose result is empty or false just if their argument is."""

_CHANGING = frozenset("clear pop popitem setdefault update".split())

_DEPTH = 6


def _parameter(path: AccessPath) -> AccessPath:
    return AccessPath(path.root_name, (), path.root)


class Origins:
    """The parameters of one function behind the values that it tests.

    ``self._names = tuple(names or ())`` is as true as the parameter ``names``. Only variables that
    are bound once are followed, and a parameter until it is bound again.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        self._rebinding: dict[AccessPath, set[BlockId]] = defaultdict(set)
        self._rebound: dict[AccessPath, set[BlockId]] = {}
        self._unknown: set[AccessPath] = set()
        self._calls: dict[AccessPath, Call] = {}
        self._values: dict[AccessPath, set[Operand]] = defaultdict(set)
        for block in function.blocks.values():
            for instruction in block.instructions:
                match instruction:
                    case Call(result=result, callee=callee):
                        if isinstance(result, AccessPath):
                            self._calls[result] = instruction
                        if callee is not None and callee.fields and callee.name in _CHANGING:
                            self._bind(callee, block.id, function.option(instruction) is not None)
                    case Assign(target=target, value=value):
                        self._values[target].add(value)
                        self._bind(target, block.id)

    def _bind(self, path: AccessPath, block: BlockId, is_option: bool = False) -> None:
        """Note that a parameter is bound again, or what it has collected by name is changed.

        ``is_option``: only one element is taken out. What is taken is known all the same.
        """
        if path.is_parameter or self._function.collects_by_name(path):
            self._rebinding[_parameter(path)].add(block)
            if not is_option:
                self._unknown.add(_parameter(path))

    @property
    def rebinds(self) -> bool:
        """Return whether a parameter is bound again somewhere in the function."""
        return bool(self._rebinding)

    def is_rebound(self, parameter: AccessPath, block: BlockId) -> bool:
        """Return whether a parameter may have been bound again when control leaves a block.

        ``if x is None: x = make()`` still tests what was passed. An element of what a parameter
        collects by name is bound again with any other.
        """
        parameter = _parameter(parameter)
        if parameter not in self._rebinding:
            return False
        known = self._rebound.get(parameter)
        if known is None:
            known = reached(self._function, self._rebinding[parameter])
            self._rebound[parameter] = known
        return block in known

    def call(self, path: AccessPath) -> Call | None:
        """Return the call whose result a path is; None if it is no result."""
        return self._calls.get(path)

    def of(self, path: AccessPath, block: BlockId) -> str | None:
        """Return the parameter that is as true as the value of a path in a block, or None."""
        if path.is_parameter:
            return None if self.is_rebound(path, block) else path.root_name
        if (option := self.option(path)) is not None:
            return option
        if path.root not in (Root.SELF, Root.LOCAL) or len(self._values.get(path, ())) != 1:
            return None
        found = self._behind(path, _DEPTH)
        only = next(iter(found)) if len(found) == 1 else None
        return only

    def option(self, path: AccessPath) -> str | None:
        """Return the element of ``**kwargs`` that a variable is: a parameter, by another name."""
        values = self._values.get(path, ())
        if len(values) == 1 and path.root is Root.LOCAL:
            (value,) = values
            path = value if isinstance(value, AccessPath) else path
        call = self._calls.get(path)
        name = None if call is None else self._function.option(call)
        if name is None or call is None or call.callee is None:
            return None
        return None if _parameter(call.callee) in self._unknown else name

    def _behind(self, operand: Operand, depth: int) -> set[str | None]:
        """The parameters that decide whether a value is true; None among them: something else."""
        match operand:
            case Constant(value=literal) if not literal:
                return set()
            case Display(items=()):
                return set()
            case AccessPath(root=Root.PARAMETER, fields=()):
                return {None if operand in self._rebinding else operand.root_name}
            case AccessPath() if depth > 0 and operand in self._calls:
                if (option := self.option(operand)) is not None:
                    return {option}
                call = self._calls[operand]
                if call.external not in _COPIES or len(call.arguments) != 1:
                    return {None}
                return self._behind(call.arguments[0].value, depth - 1)
            case AccessPath() if depth > 0 and operand in self._values:
                found: set[str | None] = set()
                for value in self._values[operand]:
                    found |= self._behind(value, depth - 1)
                return found
            case _:
                return {None}
