"""Names and with items that may touch a lock: they decide which functions are lowered.

Missing one here means missing a finding; too many only cost time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

from locklint.index.build_values import MAX_CHAIN, dotted_names
from locklint.index.declarations import CallValue, ModuleIndex, Ref, Written
from locklint.ir.access_path import ANY_ELEMENT, RESULT, ElementField, Field, ResultField
from locklint.models.unknown_lock import named_like_lock
from locklint.models.words import WORDS

_WRAPPER_WORD = re.compile(
    r"acquire|(^|_)release($|_)|^(w|r|write|read)?_?(un)?locked$|^(r|w|read|write)?_?unlock"
    r"|^__a?(enter|exit)__$|^enter_(async_)?context$"
)
"""Common names of projects' own methods that acquire and release."""

_PARTS = ("lock", "acquire", "release", "enter", "exit")
"""The text that all of these names contain."""

_OTHER_METHODS = frozenset(
    "open raises warns subTest assertRaises assertRaisesRegex assertRaisesRegexp assertWarns"
    " assertWarnsRegex assertLogs assertNoLogs assertNumQueries assertRaisesMessage"
    " catch_warnings suppress setattr".split()
)
"""Last names of calls that return a context manager which is no lock, on any receiver."""

_OTHER_BUILTINS = frozenset(("open", "memoryview"))

_OTHER_PACKAGES = frozenset(
    "bz2 cProfile codecs cgitb decimal fileinput ftplib gzip http imaplib io lzma mmap"
    " mailbox nntplib os pathlib poplib profile selectors shelve smtplib socket socketserver"
    " sqlite3 subprocess tarfile telnetlib tempfile test tokenize tracemalloc unittest urllib"
    " warnings wave winreg xmlrpc zipfile pytest numpy torch h5py PIL requests httpx tqdm"
    " pandas matplotlib click rich".split()
)
"""Packages none of whose context managers are locks."""

_MAKERS = ("lock", "semaphore", "condition", "mutex")
"""The ends of common names for makers of a project's own locks."""

_METHODS = WORDS.methods
_MADE = WORDS.makers
GIVES_ON = frozenset(("enter_context", "enter_async_context"))
"""Methods that touch what they are passed, not what they belong to."""


class _LockWords(dict[str, bool]):
    """Names looked up before; a look into a dict costs less than a call."""

    def __missing__(self, name: str) -> bool:
        if len(self) > 100_000:
            self.clear()
        # Looking for the text that all words contain takes a fifth of the time.
        known = self[name] = name in _METHODS or (
            any(map(name.__contains__, _PARTS)) and _WRAPPER_WORD.search(name) is not None
        )
        return known


LOCK_WORDS = _LockWords()
"""The test whether an attribute or name may be a method of a lock."""


def is_lock_test(test: ast.expr) -> bool:
    """Return whether a condition may test a lock itself; the name only says where to look."""
    test = _without_not(test)
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return isinstance(name, str) and named_like_lock(name)


def may_be_lock(item: ast.expr, imports: Mapping[str, str]) -> bool:
    """Return whether a with item may be a lock; ``imports`` are those of the module."""
    if item.__class__ is not ast.Call:
        return item.__class__ is not ast.Constant
    callee = item.func
    names = dotted_names(callee)
    if names is None:
        return not (isinstance(callee, ast.Attribute) and callee.attr in _OTHER_METHODS)
    if names[-1] in _OTHER_METHODS and (len(names) > 1 or names[0] in imports):
        return False
    if names[0] in imports:
        return imports[names[0]].partition(".")[0] not in _OTHER_PACKAGES
    return not (len(names) == 1 and names[0] in _OTHER_BUILTINS)


def method_use(node: ast.Attribute) -> tuple[Written | None, str]:
    """The path and the word of a `locklint.index.declarations.LockUse` that names a method."""
    return (None if node.attr in GIVES_ON else written(node.value)), node.attr


def tested_path(test: ast.expr) -> Written | None:
    """Return the path that a condition tests, ``not`` left out."""
    return written(_without_not(test))


def _without_not(test: ast.expr) -> ast.expr:
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    return test


def entered_path(item: ast.expr) -> Written | None:
    """Return the path that a with item enters; an awaited variable means itself."""
    if isinstance(item, ast.Await) and isinstance(item.value, (ast.Name, ast.Attribute)):
        item = item.value
    return written(item)


def _no_arguments(call: ast.Call) -> ResultField:
    return RESULT


def written(
    node: ast.expr, call_field: Callable[[ast.Call], ResultField | None] = _no_arguments
) -> Written | None:
    """Return an expression as a path.

    ``call_field`` gives the field of a call's result, by default without arguments, or None. None
    for what has no such form, or more than a dozen fields.
    """
    if node.__class__ is ast.Name:
        return Written(node.id)
    fields: list[Field] = []
    for _ in range(MAX_CHAIN + 1):
        if node.__class__ is ast.Attribute:
            fields.append(node.attr)
            node = node.value
            continue
        match node:
            case ast.Name(id=name):
                fields.reverse()
                return Written(name, tuple(fields))
            case ast.Call(func=func):
                field = call_field(node)
                if field is None:
                    return None
                fields.append(field)
                node = func
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                fields.append(ElementField(repr(key)))
                node = value
            case ast.Subscript(value=value, slice=ast.Name(id=name)):
                fields.append(ElementField(name))
                node = value
            case ast.Subscript(value=value):
                fields.append(ANY_ELEMENT)
                node = value
            case ast.NamedExpr(target=target):
                node = target
            case _:
                return None
    return None


def names_of_made_locks(index: ModuleIndex) -> frozenset[str]:
    """The names of variables and attributes that a file binds to what looks like a new lock."""
    found: set[str] = set()
    holders = [index.bindings, index.attribute_stores]
    holders += [cls.attributes for cls in index.classes.values()]
    for function in index.functions.values():
        holders += (function.locals, function.self_bindings)
    for bindings in holders:
        for name, places in bindings.items():
            for place in places:
                if place.value.__class__ is CallValue and _makes_lock(place.value):
                    found.add(name)
    return frozenset(found)


def _makes_lock(call: CallValue) -> bool:
    if not isinstance(call.callee, Ref):
        return False
    name = call.callee.names[-1]
    return name.lower().endswith(_MAKERS) or name in _MADE
