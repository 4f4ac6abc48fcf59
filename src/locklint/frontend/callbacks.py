"""Callables that attributes keep: the attribute from which a call gets what it calls.

``self.on_done(x)`` calls what `self.on_done` keeps, and so does ``callback(x)`` in a loop over
``list(self.callbacks.values())``.
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.frontend.definitions import Definitions
from locklint.index.declarations import (
    AttributeValue,
    Awaited,
    CallValue,
    Choice,
    Element,
    Entered,
    FunctionDecl,
    Items,
    Operation,
    Ref,
    Value,
)
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField, ResultField, Root
from locklint.ir.event import EventKind
from locklint.ir.instruction import Call, Constant
from locklint.ir.means import Use

_HOPS = 6
"""The largest number of variables and calls that are followed."""

_COPIES = frozenset(
    "copy copy.copy enumerate frozenset iter list reversed set sorted tuple".split()
)
"""Functions, as they are written, that give the elements of their first argument."""

_LOOKUPS = frozenset("copy get items pop popitem popleft setdefault values".split())
"""Methods of containers that give elements of them."""

_METHODS_OF_CONTAINERS = frozenset(dir(dict)) | frozenset(dir(list)) | frozenset(dir(set))


def kept_in(path: AccessPath, definitions: Definitions, hops: int = _HOPS) -> AccessPath | None:
    """Return the attribute of `self` that keeps what is called, as a container or directly.

    ``path`` is the callee, of which no function is known. A variable with several values has the
    first of them, if all come from attributes. Return None if nothing says so.
    """
    if path.root is Root.SELF:
        return _attribute(path)
    if not hops or not all(isinstance(field, ElementField) for field in path.fields):
        return None
    root = AccessPath(path.root_name, (), path.root)
    found = [
        None
        if source is None
        else kept_in(path.replace_prefix(root, source), definitions, hops - 1)
        for source in _sources(root, definitions, is_element=bool(path.fields))
    ]
    return found[0] if found and None not in found else None


def observed_in(call: Call, path: AccessPath, definitions: Definitions) -> AccessPath | None:
    """Return the attribute of `self` that keeps objects, to each of which a loop tells the same.

    ``path`` is the method that is called, of which no function is known. To tell is to pass
    something, and to ignore the result: a loop that closes connections tells them nothing, nor does
    one that changes containers.
    """
    if call.use is not Use.DISCARDED or not call.arguments or len(path.fields) != 1:
        return None
    if path.name in _METHODS_OF_CONTAINERS:
        return None
    holder = path.parent()
    return kept_in(holder, definitions) if is_of_loop(holder, definitions) else None


def is_of_loop(variable: AccessPath, definitions: Definitions) -> bool:
    """Return whether a variable has the elements of something, one after the other."""
    return variable.root is Root.LOCAL and any(
        isinstance(value, AccessPath) and ANY_ELEMENT in value.fields
        for value in definitions.values(variable)
    )


def _attribute(path: AccessPath) -> AccessPath | None:
    """Return the first attribute of a path along which only elements of containers follow."""
    if not path.fields or not isinstance(path.fields[0], str):
        return None
    is_lookup = False
    for field in path.fields[1:]:
        if isinstance(field, str):
            if field not in _LOOKUPS:
                return None
            is_lookup = True
        elif isinstance(field, ResultField):
            if not is_lookup:
                return None
            is_lookup = False
    return None if is_lookup else AccessPath(path.root_name, path.fields[:1], path.root)


def _sources(
    variable: AccessPath, definitions: Definitions, *, is_element: bool
) -> list[AccessPath | None]:
    """Return the paths of which a variable has the value, or elements; None for anything else.

    ``is_element``: of its value, an element is meant.
    """
    call = definitions.call(variable)
    if call is not None:
        first = call.arguments[0].value if call.arguments else None
        if call.callee is not None and str(call.callee) in _COPIES:
            return [first if isinstance(first, AccessPath) else None]
        if call.callee is not None and call.callee.fields and call.callee.name in _LOOKUPS:
            return [call.callee.parent()]
        # Of several things that a method of the object gives, it has kept each.
        is_own = is_element and call.callee is not None and call.callee.is_own_attribute
        return [call.callee if is_own else None]
    if variable.root not in (Root.LOCAL, Root.TEMP):
        return []
    values = [each for each in definitions.values(variable) if each != Constant(None)]
    return [each if isinstance(each, AccessPath) else None for each in values]


# -- calls of functions that have no graph --------------------------------------------------


def written_callback(
    path: AccessPath, use: Use, decl: FunctionDecl | None, *, passes: bool
) -> EventKind | None:
    """Return what a call that is only read from a text may be: a callback, or one of observers.

    It is asked like `kept_in` and `observed_in` are, but follows variables by their names alone, so
    that it finds whatever these find. A parameter is left out: to call it matters only where the
    lock is held (LCK402). ``decl`` is the function that calls, ``passes``: it passes something.
    """
    is_ignored = use is Use.DISCARDED
    if path.root is Root.SELF:
        return EventKind.CALLBACK if is_ignored and _attribute(path) is not None else None
    if path.root is not Root.LOCAL or decl is None:
        return None
    bound = decl.locals.get(path.root_name, ())
    is_of_loop = passes and any(isinstance(each.value, Element) for each in bound)
    if all(isinstance(field, ElementField) for field in path.fields):
        kind = EventKind.CALLBACK
        is_one = is_ignored or (use is Use.BOUND and is_of_loop)
    elif len(path.fields) == 1 and path.name not in _METHODS_OF_CONTAINERS:
        kind = EventKind.OBSERVER
        is_one = is_ignored and is_of_loop
    else:
        return None
    return kind if is_one and _may_be_kept(path.root_name, decl) else None


def _may_be_kept(variable: str, decl: FunctionDecl) -> bool:
    """Return whether a local variable of a method may have a value that its object keeps."""
    own = decl.parameters[0].name if decl.class_name and decl.parameters else None
    work, seen = [variable], {variable}
    while work:
        for each in decl.locals.get(work.pop(), ()):
            names = set(_variables(each.value)) - seen
            if own in names:
                return True
            seen |= names
            work += names
    return False


def _variables(value: Value) -> Iterator[str]:
    """Yield the variables that a value is made of."""
    match value:
        case Ref(names=(first, *_)):
            yield first
        case Element(of=inner) | AttributeValue(of=inner) | Awaited(of=inner) | Entered(of=inner):
            yield from _variables(inner)
        case CallValue(callee=callee, arguments=arguments):
            yield from _variables(callee)
            for each in arguments[:1]:
                yield from _variables(each)
        case Choice(options=several) | Items(elements=several) | Operation(operands=several):
            for each in several:
                yield from _variables(each)
        case _:
            return
