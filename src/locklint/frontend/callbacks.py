"""Callables that attributes keep: the attribute from which a call gets what it calls.

``self.on_done(x)`` calls what `self.on_done` keeps, and so does ``callback(x)`` in a loop over
``list(self.callbacks.values())``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.frontend.construction import argument_of
from locklint.frontend.definitions import Definitions
from locklint.frontend.fields import class_of
from locklint.frontend.inference import Inference
from locklint.frontend.value_types import ClassRef, ClassType, NameType, Scope, scope_of
from locklint.index.declarations import (
    AttributeValue,
    Awaited,
    Binding,
    CallValue,
    Choice,
    Element,
    Entered,
    FunctionDecl,
    Items,
    Literal,
    Operation,
    Ref,
    Value,
)
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField, ResultField, Root
from locklint.ir.event import EventKind
from locklint.ir.hierarchy import Field
from locklint.ir.instruction import Call, Constant
from locklint.ir.means import Use
from locklint.models.spawns import is_of_tests

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


# -- callbacks of users ---------------------------------------------------------------------


def user_callbacks(
    inference: Inference, callables: Iterable[Field], futures: Iterable[Field]
) -> frozenset[Field]:
    """Return those of the attributes that keep what users of the class pass, or can add to.

    A public method binds them to a parameter, or puts it into their container; or a public
    attribute is only ever bound to None, so that users bind it. A constructor does so if what the
    program passes to it, where it makes the objects, comes from users. A future is known to users,
    and so may have callbacks, if its attribute is public, or something returns it or passes it on.
    """
    found: set[Field] = set()
    for key, name in callables:
        cls = class_of(inference, key)
        if cls is not None and _is_given(inference, cls, name):
            found.add((key, name))
    for key, name in futures:
        cls = class_of(inference, key)
        if cls is not None and (_is_given(inference, cls, name) or _is_known(cls, name)):
            found.add((key, name))
    return frozenset(found)


def _is_known(cls: ClassRef, name: str) -> bool:
    """Return whether others than the class may get what an attribute of its objects keeps."""
    if not name.startswith("_"):
        return True
    functions = cls.index.functions.values()
    if any(_mentions(value, name) for decl in functions for value in (*decl.returns, *decl.yields)):
        return True
    # A value with another name may be known under that one.
    bindings = [each for decl in functions for each in decl.self_bindings.get(name, ())]
    if not all(isinstance(value, CallValue | Literal) for value in _contents(bindings)):
        return True
    return any(
        _mentions(value, name)
        for site in cls.index.call_sites
        for value in (*site.call.arguments, *(passed for _, passed in site.call.keywords))
    ) or any(f".{name}.add_done_callback" in decl.callees for decl in functions)


def _contents(bindings: Iterable[Binding]) -> Iterator[Value]:
    """Yield what an attribute is bound to, or what the containers hold to which it is bound."""
    for each in bindings:
        yield from each.value.elements if isinstance(each.value, Items) else (each.value,)


def _mentions(value: Value, name: str) -> bool:
    """Return whether a value is, or holds, an attribute of that name."""
    match value:
        case Ref(names=names):
            return len(names) > 1 and names[-1] == name
        case Choice(options=several) | Items(elements=several) | Operation(operands=several):
            return any(_mentions(each, name) for each in several)
        case Awaited(of=inner) | AttributeValue(of=inner, name=_):
            return _mentions(inner, name)
        case CallValue(arguments=arguments):
            return any(_mentions(each, name) for each in arguments)
        case _:
            return False


def _is_given(inference: Inference, cls: ClassRef, name: str, hops: int = 3) -> bool:
    slot = inference.attributes.slot(cls, name)
    if slot.method is not None and hops:
        own = slot.method.decl.parameters[:1]  # A property returns an attribute of its object.
        return any(
            isinstance(value, Ref)
            and len(value.names) == 2
            and value.names[0] == own[0].name
            and _is_given(inference, cls, value.names[1], hops - 1)
            for value in (slot.method.decl.returns if own else ())
        )
    if any(_is_parameter(inference, place.owner, place.binding, hops) for place in slot.places):
        return True
    values = [place.binding.value for place in slot.places]
    return bool(values) and not name.startswith("_") and set(values) == {Literal("None")}


def _is_parameter(inference: Inference, owner: ClassRef, binding: Binding, hops: int) -> bool:
    """Return whether a public method binds the attribute to one of its parameters.

    It may leave that to a method of its own, to which it passes the parameter. For a constructor,
    see `_users_construct`. A parameter that stands for a function of a library is none of theirs.
    """
    decl = owner.index.functions.get(binding.function)
    if decl is None:
        return False
    scope, values = scope_of(owner.index, binding.function), _options(binding.value)
    bound = [
        position
        for position, parameter in enumerate(decl.parameters)
        if position
        and any(_is_name(value, parameter.name) for value in values)
        and not any(_is_of_library(inference, scope, each) for each in (parameter.default, *values))
    ]
    return any(
        _users_pass(inference, owner, decl, position, hops)
        or _is_passed_on(inference, owner, decl, position, hops)
        for position in bound
    )


def _is_of_library(inference: Inference, scope: Scope, value: Value | None) -> bool:
    """Return whether a value is a function outside the program: ``sleep=time.sleep``.

    What is called instead of it is no notification.
    """
    if not isinstance(value, Ref):
        return False
    inference.begin()
    return any(isinstance(kind, NameType) for kind in inference.value(value, scope))


def _users_pass(
    inference: Inference, owner: ClassRef, decl: FunctionDecl, position: int, hops: int
) -> bool:
    """Return whether users pass a parameter of a method."""
    if decl.name == "__init__":
        return _users_construct(inference, owner, decl, position, hops)
    return not decl.name.startswith("_")


def _users_construct(
    inference: Inference, owner: ClassRef, decl: FunctionDecl, position: int, hops: int
) -> bool:
    """Return whether users decide what a constructor gets for a parameter.

    They do not if the program makes the objects, and passes only what it has made itself: a
    function, a lambda, the result of a call. Those are followed, or are no business of users. Tests
    stand for users.
    """
    classes = (owner, *inference.project.subclasses(owner))
    is_passed = False
    for cls in classes:
        for index, site in inference.project.call_sites.named(cls.decl.name):
            passed = argument_of(site.call, decl.parameters[position].name, position - 1)
            if passed is None or passed == Literal("None") or is_of_tests(index.module):
                continue
            inference.begin()
            scope = scope_of(index, site.function)
            if ClassType(cls) not in inference.value(site.call.callee, scope):
                continue
            if any(_is_from_users(inference, scope, each, hops) for each in _options(passed)):
                return True
            is_passed = True
    return not is_passed


def _is_from_users(inference: Inference, scope: Scope, value: Value, hops: int) -> bool:
    """Return whether a value in a function is a parameter of it, or what an object was given."""
    caller = scope.index.functions.get(scope.function)
    if not isinstance(value, Ref) or caller is None or not caller.parameters:
        return False
    first, *rest = value.names
    if not rest:
        return any(parameter.name == first for parameter in caller.parameters)
    if len(rest) > 1 or not hops or not caller.class_name or first != caller.parameters[0].name:
        return False
    cls = ClassRef(scope.index.path, caller.class_name, scope.index)
    return _is_given(inference, cls, rest[0], hops - 1)


def _is_passed_on(
    inference: Inference, owner: ClassRef, decl: FunctionDecl, position: int, hops: int
) -> bool:
    """Return whether methods of a class pass a parameter that users pass to a method of it."""
    for site in owner.index.call_sites:
        caller = owner.index.functions.get(site.function) if site.name == decl.name else None
        if caller is None or caller.class_name != decl.class_name:
            continue
        passed = argument_of(site.call, decl.parameters[position].name, position - 1)
        for place, parameter in enumerate(caller.parameters):
            if place and _is_name(passed, parameter.name):
                if _users_pass(inference, owner, caller, place, hops):
                    return True
    return False


def _is_name(value: Value | None, name: str) -> bool:
    return isinstance(value, Ref) and value.names == (name,)


def _options(value: Value) -> tuple[Value, ...]:
    """Return what a value may be, or may hold."""
    match value:
        case Choice(options=options):
            return options
        case Items(elements=elements):
            return elements
        case _:
            return (value,)
