"""Outcomes of tests for single values, where the text of a test tells all about it.

The text has a mark for what is tested: ``(len(§0) > 3)``, ``(§0 in ['done', 'failed'])``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from locklint.analysis.condition_texts import (
    Called,
    Items,
    Literal,
    Name,
    Negated,
    Operated,
    Part,
    Tested,
    part_of,
    parts,
)
from locklint.ir.instruction import LiteralValue

_MODULE = re.compile(r"^[\w.]+: ")  # comes first if a global is named
_LARGEST = 10**6
_OTHER_TEXT = "\0"
_TYPES: dict[str, type] = {
    each.__name__: each for each in (bool, bytes, dict, float, int, list, set, str, tuple)
}


TEXT_TESTS = frozenset(
    "endswith isalnum isalpha isdigit isidentifier islower isspace isupper startswith".split()
)
"""Methods of texts that tell something about them."""


class NamedConstant(msgspec.Struct, frozen=True, gc=False):
    """A value that is known by its dotted name alone, such as ``State.NEW``."""

    name: str


class Sized(msgspec.Struct, frozen=True, gc=False):
    """A container with some number of items."""

    size: int


class _NoOutcome(Exception):
    """The test raises an exception for the value."""


Value: TypeAlias = LiteralValue | NamedConstant | Sized | tuple[str, ...]
"""A literal, or what else is known of a value; of a dictionary, its keys."""

_Known: TypeAlias = Value | list[Any]


class _Unknown(Exception):
    """The outcome is not known."""


def are_two_constants(one: str, other: str) -> bool:
    """Return whether two dotted names are those of two constants: ``State.NEW``, ``State.DONE``."""
    owner, _, name = one.rpartition(".")
    owner_of_other, _, name_of_other = other.rpartition(".")
    are_names = name.isupper() and name_of_other.isupper()
    return are_names and owner == owner_of_other and name != name_of_other


def outcome_for(text: str, value: Value) -> bool | None:
    """Return the outcome of a test for a value. Return None if it is not known.

    Nor is it for a test that raises an exception for the value.
    """
    return next(iter(_outcomes(text, value, is_sample=False)), None)


@lru_cache(maxsize=4096)
def exclude_each_other(one: str, outcome: bool, other: str, outcome_of_other: bool) -> bool:
    """Return whether no value gives two tests two outcomes.

    The values that are tried stand for all others: numbers between those of the tests, a text that
    none of them mentions, an object (`...`) that is neither a literal nor a container.
    """
    tried = list(_samples(one, other))
    passing = [value for value in tried if outcome in _outcomes(one, value, is_sample=True)]
    admitted = [
        value for value in tried if outcome_of_other in _outcomes(other, value, is_sample=True)
    ]
    # A test that none of the values passes is not understood.
    return bool(passing and admitted) and not any(
        each is value for each in passing for value in admitted
    )


def _outcomes(text: str, value: Value, *, is_sample: bool) -> Sequence[bool]:
    """Return the outcomes that a test may have."""
    tree = _parsed(text)
    if tree is None:
        return () if not is_sample else (True, False)
    try:
        return (_Reader(value, is_sample).truth(tree),)
    except _Unknown:
        return (True, False) if is_sample else ()
    except _NoOutcome:
        return ()


def _parsed(text: str) -> Part | None:
    return part_of(_MODULE.sub("", text))


def _samples(*texts: str) -> Iterator[Value]:
    """Yield values of which each test of some texts tells those that matter apart."""
    yield from (None, True, False, "", _OTHER_TEXT, b"", b"\0", ..., Sized(0), Sized(1))
    numbers: set[int | float] = {0}
    work = [part for text in texts if (part := _parsed(text)) is not None]
    while work:
        part = work.pop()
        work += parts(part)[:1] if isinstance(part, Called) else parts(part)
        match part:
            case Literal(bool()):
                pass
            case Literal(int() | float() as number) if abs(number) < _LARGEST:
                numbers |= {number, -number}
            case Literal(str() | bytes() as literal):
                yield literal
            case Name(name):
                yield NamedConstant(name)
    for number in numbers:
        yield from (number - 1, number - 0.25, number, number + 0.25, number + 1)
        for size in (int(number), int(number) + 1):
            if size > 0:
                yield Sized(size)


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Reader:
    """A reading of a test for one value."""

    def __init__(self, value: Value, is_sample: bool) -> None:
        self._value = value
        self._is_sample = is_sample

    def truth(self, part: Part) -> bool:
        """Return the outcome; raise if there is none, or none is known."""
        match part:
            case Negated(inner):
                return not self.truth(inner)
            case Operated(operands, ("and" | "or" as word, *_)):
                return self._any(operands, word == "or")
            case Operated(operands, operators):
                return all(
                    self._compared(word, one, other)
                    for word, one, other in zip(operators, operands, operands[1:], strict=False)
                )
            case Called("isinstance", (value, classes)):
                return self._is_instance(self._read(value), classes)
            case Called("callable", (value,)):
                return self._is_called(self._read(value))
            case Called(name, (Tested(), *given)) if name in TEXT_TESTS:
                return self._of_text(name, given)
            case Called("bool", (value,)):
                return self.truth(value)
        match self._read(part):
            case NamedConstant():
                raise _Unknown
            case Sized(size):
                return size > 0
            case known:
                return bool(known)

    def _of_text(self, name: str, given: Sequence[Part]) -> bool:
        literals = [each.value for each in given if isinstance(each, Literal)]
        if self._is_sample or not isinstance(self._value, str) or len(literals) < len(given):
            raise _Unknown
        try:
            return bool(getattr(self._value, name)(*literals))
        except TypeError:
            raise _NoOutcome from None

    def _any(self, values: Sequence[Part], wanted: bool) -> bool:
        is_known = True
        for each in values:
            try:
                if self.truth(each) is wanted:
                    return wanted
            except _Unknown:
                is_known = False
        if not is_known:
            raise _Unknown
        return not wanted

    def _read(self, part: Part) -> _Known:
        match part:
            case Tested():
                return self._value
            case Literal(value):
                return value
            case Items(items):
                return [self._read(each) for each in items]
            case Called("len", (value,)):
                return self._size(self._read(value))
            case Name(name):
                return NamedConstant(name)
        raise _Unknown

    @staticmethod
    def _size(value: _Known) -> int:
        match value:
            case Sized(size):
                return size
            case str() | bytes() | list() | tuple():
                return len(value)
            case NamedConstant():
                raise _Unknown
        raise _NoOutcome

    def _compared(self, word: str, left: Part, right: Part) -> bool:
        one, other = self._read(left), self._read(right)
        match word:
            case "==" | "is":
                return self._same(one, other)
            case "!=" | "is not":
                return not self._same(one, other)
            case "in":
                return self._contained(one, other)
            case "not in":
                return not self._contained(one, other)
        if isinstance(one, NamedConstant) or isinstance(other, NamedConstant):
            raise _Unknown
        if not isinstance(one, int | float) or not isinstance(other, int | float):
            if isinstance(one, str | bytes) and type(one) is type(other):
                raise _Unknown  # The samples have no text before or after another one.
            raise _NoOutcome
        return _ORDER[word](one, other)

    def _same(self, one: _Known, other: _Known) -> bool:
        match one, other:
            case (NamedConstant(name), NamedConstant(name_of_other)):
                if name == name_of_other:
                    return True
                if are_two_constants(name, name_of_other):
                    return False
                raise _Unknown
            case (NamedConstant() as constant, literal) | (literal, NamedConstant() as constant):
                # One that has the value of a literal is its own sample.
                if literal is ... or (self._is_sample and self._value is literal):
                    return False
                if literal is None and "." in constant.name:
                    return False
                raise _Unknown
            case (Sized(size), list() as items) | (list() as items, Sized(size)):
                if size == len(items) > 0:
                    raise _Unknown
                return size == len(items)
        return one == other

    def _contained(self, one: _Known, other: _Known) -> bool:
        match other:
            case tuple():
                return one in other
            case list():
                known = True
                for each in other:
                    try:
                        if self._same(one, each):
                            return True
                    except _Unknown:
                        known = False
                if known:
                    return False
            case Sized(size=0):
                return False
            case str() if isinstance(one, str) and not self._is_sample:
                return one in other
            case None | bool() | int() | float():
                raise _NoOutcome
        raise _Unknown

    def _is_instance(self, value: _Known, classes: Part) -> bool:
        listed = classes.items if isinstance(classes, Items) else (classes,)
        names = [each.name if isinstance(each, Name) else "object" for each in listed]
        if value is None:
            return _known("object" not in names and "NoneType" not in " ".join(names), False)
        if value is ... or not isinstance(value, bool | int | float | str | bytes):
            raise _Unknown
        found = any(isinstance(value, _TYPES[each]) for each in names if each in _TYPES)
        return found or _known(all(each in _TYPES for each in names), False)

    @staticmethod
    def _is_called(value: _Known) -> bool:
        return _known(value is not ... and not isinstance(value, NamedConstant), False)


def _known(is_known: bool, outcome: bool) -> bool:
    if not is_known:
        raise _Unknown
    return outcome
