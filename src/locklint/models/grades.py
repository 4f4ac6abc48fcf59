"""Grades of functions and methods outside the program: how likely they raise, and what.

Nearly everything in Python may raise; a finding that depends on `len` raising would not be
believed. So each callable has a grade:

- ``NEVER``: cannot raise, with any arguments (short of MemoryError and KeyboardInterrupt);
- ``UNLIKELY``: raises only on a programming error (a wrong type, a missing argument), or calls code
  of an object's own class (``__eq__``, ``__repr__``) that is expected not to raise;
- ``POSSIBLE``: raises if the program's own data is wrong: a key that a container does not have;
- ``LIKELY``: fails in ordinary use: input and output, parsing, removing from an empty container;
- ``UNKNOWN``: everything else.

A method is graded by its bare name only where its receiver is unknown and the name is one of the
containers' and primitives' own. Facts are CPython 3.11 to 3.13's.
"""

from __future__ import annotations

import sys
from enum import IntEnum

from locklint.models.calls import LOGGER_TYPES
from locklint.models.graded_names import (
    ASKING_FOR_CONTENTS,
    ASKING_PATHS,
    BUILTIN_TYPES,
    CALCULATING_CLASSES,
    CALCULATING_MODULES,
    CALCULATING_PATHS,
    CALLBACKS,
    CONTAINER_METHODS,
    CONTAINER_TYPES,
    FOREIGN_FUNCTION,
    LIKELY_LIBRARIES,
    LIKELY_METHODS,
    LOGGER_METHODS,
    LOGGER_NAME,
    LOOPS,
    NEVER,
    OVER_VALUES,
    OWN_LEVELS,
    PARSING,
    PARSING_METHODS,
    PLAIN_TYPES,
    PURE_CLASSES,
    PURE_MODULES,
    SEARCHING_METHODS,
    TAKEN_OUT,
    TELLING_METHODS,
    TEXT_METHODS,
    UNLIKELY,
    UNLIKELY_METHODS,
    UNLIKELY_TYPED,
)
from locklint.models.usual_errors import METHODS_WITH_USUAL_ERRORS, error_of_use

_STANDARD = frozenset(sys.stdlib_module_names)


class CallGrade(IntEnum):
    """Grades of how likely a call raises."""

    NEVER = 0
    UNLIKELY = 1
    POSSIBLE = 2
    UNKNOWN = 3
    LIKELY = 4


_TAKING_ONE = ("builtins.dict.pop", "builtins.list.pop")


def name_grade(
    dotted: str,
    arguments: int = 0,
    *,
    runs_code: bool = False,
    is_method: bool = False,
    by_key: bool = False,
) -> CallGrade:
    """Return how likely the external callable with that absolute dotted name is to raise.

    ``arguments`` is how many it gets; ``runs_code``: among them is code that it may run;
    ``is_method``: it is called as a method; ``by_key``: with one argument, and that is no number.

    Builtins are ``builtins.len`` or plainly ``len``; a method of a known external type is
    ``type.method`` (``threading.Event.set``).
    """
    name = dotted if "." in dotted else f"builtins.{dotted}"
    if name in NEVER:
        return CallGrade.NEVER
    if name in UNLIKELY or name in UNLIKELY_TYPED:
        return CallGrade.UNLIKELY
    if name in OVER_VALUES and not runs_code:
        return CallGrade.UNLIKELY
    if name in ("builtins.max", "builtins.min") and arguments > 1:
        return CallGrade.UNLIKELY  # One alone may be empty.
    if name == "builtins.next" and arguments > 1 and not runs_code:
        return CallGrade.UNLIKELY  # The end of the iterator gives the second argument.
    owner, _, method = name.rpartition(".")
    if owner in LOOPS and method in TELLING_METHODS:
        return CallGrade.NEVER
    if owner in CALCULATING_MODULES and method not in CALCULATING_MODULES[owner]:
        return CallGrade.UNLIKELY
    if owner.partition(".")[0] in CALCULATING_CLASSES:
        if method not in CALCULATING_MODULES.get(owner, PARSING):
            return CallGrade.UNLIKELY
    if owner == "contextvars.ContextVar":
        # `get` fails without a value, `reset` in another context.
        return CallGrade.UNLIKELY if method == "set" else CallGrade.POSSIBLE
    if owner in LOGGER_TYPES and method in LOGGER_METHODS:
        return CallGrade.UNLIKELY
    if owner in CONTAINER_TYPES and method in UNLIKELY_METHODS:
        return CallGrade.UNLIKELY
    if is_method and method == "close":
        return CallGrade.UNLIKELY  # Closing hardly ever fails.
    holder, _, attribute = owner.rpartition(".")
    if method not in BUILTIN_TYPES.get(owner, (method,)):
        return _by_name(method, by_key)  # The type is another one.
    if attribute.isidentifier() and attribute not in BUILTIN_TYPES.get(holder, (attribute,)):
        return method_grade(method, by_key=by_key)  # So is that of what has the attribute.
    if owner in PLAIN_TYPES or (owner[-2:] == "()" and owner.rpartition(".")[0] in PLAIN_TYPES):
        return _plain_grade(method)  # What such a method gives is a plain value, too.
    if FOREIGN_FUNCTION.fullmatch(name):
        return CallGrade.UNLIKELY
    if name.startswith("pathlib."):
        return _path_grade(method)
    if is_method and "()" in owner and method in TEXT_METHODS:
        return CallGrade.UNLIKELY  # What a call gave is a text, by the name of the method.
    if is_method and TAKEN_OUT.fullmatch(owner):
        return method_grade(method, by_key=by_key)  # Any object may have been put in.
    if method == "__init__":
        return _grade_of_base(owner, arguments)
    if name in ASKING_FOR_CONTENTS or (by_key and name in _TAKING_ONE):
        return CallGrade.POSSIBLE
    if runs_code or name.partition(".")[0] in LIKELY_LIBRARIES or error_of_use(name):
        return CallGrade.LIKELY
    if is_method and method in CONTAINER_METHODS:
        return CallGrade.UNLIKELY  # A method of a container, by its name.
    if is_method and method in UNLIKELY_METHODS and owner.partition(".")[0] in _STANDARD:
        return CallGrade.UNLIKELY
    return _by_name(method, by_key) if is_method else CallGrade.UNKNOWN


def calculates(dotted: str) -> bool:
    """Return whether a function gives the same each time for equal literals, or always raises."""
    owner = dotted.rpartition(".")[0]
    return owner in PURE_MODULES or dotted in PURE_CLASSES


def _plain_grade(method: str) -> CallGrade:
    """Return how likely a method of a number, a text or a tuple is to raise."""
    if method in PARSING_METHODS:
        return CallGrade.LIKELY
    return CallGrade.POSSIBLE if method in SEARCHING_METHODS else CallGrade.UNLIKELY


def _path_grade(method: str) -> CallGrade:
    """Return how likely a method of a path, or of what a path's method gave, is to raise."""
    if method in CALCULATING_PATHS or method in TEXT_METHODS:
        return CallGrade.UNLIKELY
    return CallGrade.POSSIBLE if method in ASKING_PATHS else CallGrade.LIKELY


def _grade_of_base(base: str, arguments: int) -> CallGrade:
    """Return how likely the initialiser of a base class outside the program is to raise."""
    grade = name_grade(base, arguments)
    if grade is CallGrade.UNKNOWN and not arguments:
        return CallGrade.UNLIKELY  # It sets up what it has: nothing is passed to it.
    return grade


def _by_name(method: str, by_key: bool) -> CallGrade:
    """Return how likely a method of an unknown object is to raise, by its name."""
    if method in ("index", "remove") or (by_key and method == "pop"):
        return CallGrade.POSSIBLE  # As that of a container.
    return CallGrade.LIKELY if _fails(method) else CallGrade.UNKNOWN


def _fails(method: str) -> bool:
    """Return whether a method fails in ordinary use, or runs code that others have chosen."""
    bare = method.lstrip("_")
    is_callback = bare.startswith("on_") or bare.endswith(CALLBACKS)
    return is_callback or method in LIKELY_METHODS or method in METHODS_WITH_USUAL_ERRORS


def method_grade(method: str, receiver: str = "", *, by_key: bool = False) -> CallGrade:
    """Return how likely a method is to raise where its receiver's type is unknown.

    ``receiver`` is the last name of the receiver as written (``log`` of ``self.log.error(...)``);
    ``by_key``: the call has one argument, and that is no number.
    """
    if method in UNLIKELY_METHODS:
        return CallGrade.UNLIKELY
    if is_log_call(method, receiver):
        return CallGrade.UNLIKELY
    return _by_name(method, by_key)


def is_log_call(method: str, receiver: str) -> bool:
    """Return whether a method seems to write to a log, by its name and its receiver's last one.

    Callers of ``self.log.error(...)`` do not expect it to raise, with any kind of logger.
    """
    is_level = method in LOGGER_METHODS or method in OWN_LEVELS
    return is_level and LOGGER_NAME.fullmatch(receiver) is not None
