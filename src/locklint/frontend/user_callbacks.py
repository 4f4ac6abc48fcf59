"""Attributes that keep callables which users of a class have passed to it.

A class that calls them under a lock does not know what they do (LCK402)::

    class Bus:
        def __init__(self, on_full, sleep=time.sleep):
            self._on_full = on_full  # Users pass it, unless the program makes each `Bus`.
            self._sleep = sleep  # This only stands for a function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.frontend.call_sites import may_pass
from locklint.frontend.construction import argument_of
from locklint.frontend.fields import class_of
from locklint.frontend.inference import Inference
from locklint.frontend.value_types import (
    ClassRef,
    ClassType,
    FunctionType,
    NameType,
    Scope,
    Type,
    scope_of,
)
from locklint.index.declarations import (
    AttributeValue,
    Awaited,
    Binding,
    CallSite,
    CallValue,
    Choice,
    FunctionDecl,
    Items,
    Literal,
    ModuleIndex,
    Operation,
    Ref,
    Value,
)
from locklint.ir.hierarchy import Field
from locklint.models.spawns import is_of_tests


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
        if cls is not None and (_is_given(inference, cls, name) or _is_known(inference, cls, name)):
            found.add((key, name))
    return frozenset(found)


def _is_known(inference: Inference, cls: ClassRef, name: str) -> bool:
    """Return whether others than the class may get what an attribute of its objects keeps."""
    if not name.startswith("_"):
        return True
    project, functions = inference.project, cls.index.functions
    family = {cls, *project.mro(cls), *project.subclasses(cls)}
    owners = {each.qualname for each in family if isinstance(each, ClassRef)}
    # An attribute of that name in another class is one of its own objects.
    others = {
        qualname: decl.parameters[0].name
        for qualname, decl in functions.items()
        if decl.class_name and decl.parameters and decl.class_name not in owners
    }
    if any(
        _mentions(value, name, others.get(qualname))
        for qualname, decl in functions.items()
        for value in (*decl.returns, *decl.yields)
    ):
        return True
    # A value with another name may be known under that one.
    ours = [decl for qualname, decl in functions.items() if qualname not in others]
    bindings = [each for decl in ours for each in decl.self_bindings.get(name, ())]
    if not all(
        isinstance(value, CallValue | Literal) for each in bindings for value in contents(each)
    ):
        return True
    return any(
        _mentions(value, name, others.get(site.function))
        for site in cls.index.call_sites
        for value in (*site.call.arguments, *(passed for _, passed in site.call.keywords))
    ) or any(f".{name}.add_done_callback" in decl.callees for decl in ours)


def contents(binding: Binding) -> tuple[Value, ...]:
    """Return what a name is bound to, or what the display holds to which it is bound."""
    return binding.value.elements if isinstance(binding.value, Items) else (binding.value,)


def _mentions(value: Value, name: str, other: str | None) -> bool:
    """Return whether a value is, or holds, an attribute of that name; not that of ``other``."""
    match value:
        case Ref(names=names):
            return len(names) > 1 and names[-1] == name and names[:-1] != (other,)
        case Choice(options=several) | Items(elements=several) | Operation(operands=several):
            return any(_mentions(each, name, other) for each in several)
        case Awaited(of=inner) | AttributeValue(of=inner, name=_):
            return _mentions(inner, name, other)
        case CallValue(arguments=arguments):
            return any(_mentions(each, name, other) for each in arguments)
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
    """Return whether a method binds the attribute to a parameter that users pass.

    It may leave that to a method of its own, to which it passes the parameter. A parameter that
    stands for a certain function is none of theirs.
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
        and not any(_is_function(inference, scope, each) for each in (parameter.default, *values))
    ]
    return any(
        _users_pass(inference, owner, decl, position, hops)
        or _is_passed_on(inference, owner, decl, position, hops)
        for position in bound
    )


def _is_function(inference: Inference, scope: Scope, value: Value | None) -> bool:
    """Return whether a value is a function with a name: ``sleep=time.sleep``.

    What is called instead of it, in a test, say, is no notification.
    """
    if not isinstance(value, Ref):
        return False
    inference.begin()
    return any(isinstance(k, NameType | FunctionType) for k in inference.value(value, scope))


def _users_pass(
    inference: Inference, owner: ClassRef, decl: FunctionDecl, position: int, hops: int
) -> bool:
    """Return whether users pass a parameter of a method: one of a constructor, or a public one."""
    if decl.name != "__init__":
        return not decl.name.startswith("_")
    return _is_left_to_users(inference, owner.index, decl, position, hops)


def _is_left_to_users(
    inference: Inference, index: ModuleIndex, decl: FunctionDecl, position: int, hops: int
) -> bool:
    """Return whether users decide what a constructor, or what makes an object, gets.

    They do not if the program calls it, and passes only what it has made itself: a function, a
    lambda, the result of a call. Those are followed, or are no business of users. Tests stand for
    users.
    """
    parameter, is_called = decl.parameters[position], False
    for where, site, is_bound in _calls_passing(inference, index, decl, position):
        passed = argument_of(site.call, parameter.name, position - is_bound)
        if passed is None or passed == Literal("None"):
            continue
        is_called = True
        scope = scope_of(where, site.function)
        if any(_is_from_users(inference, scope, each, hops) for each in _options(passed)):
            return True
    return not is_called


def _calls_passing(
    inference: Inference, index: ModuleIndex, decl: FunctionDecl, position: int
) -> Iterator[tuple[ModuleIndex, CallSite, bool]]:
    """Yield the calls outside tests that pass a parameter, and whether each leaves its object out.

    A constructor has the calls of its classes, too.
    """
    parameter, least = decl.parameters[position], position - (decl.class_name is not None)
    names = [decl.name]
    if decl.name == "__init__" and decl.class_name:
        owner = ClassRef(index.path, decl.class_name, index)
        heirs = inference.project.subclasses(owner)
        names += [each.decl.name for each in (owner, *heirs)]
    for name in dict.fromkeys(names):
        for where, site in inference.project.call_sites.named(name):
            if may_pass(site, parameter, least) and not is_of_tests(where.module):
                is_bound = _is_bound(inference, where, site, index, decl)
                if is_bound is not None:
                    yield where, site, is_bound


def _is_bound(
    inference: Inference,
    where: ModuleIndex,
    site: CallSite,
    index: ModuleIndex,
    decl: FunctionDecl,
) -> bool | None:
    """Return whether a call of a function leaves its object out. Return None for another one."""
    inference.begin()
    for kind in inference.value(site.call.callee, scope_of(where, site.function)):
        found: Type | None = kind
        if isinstance(kind, ClassType):
            found = inference.attributes.method(kind.cls, "__init__")
        if isinstance(found, FunctionType) and found.path == index.path:
            if found.qualname == decl.qualname:
                return found.bound or isinstance(kind, ClassType)
    return None


def _is_from_users(inference: Inference, scope: Scope, value: Value, hops: int) -> bool:
    """Return whether a value in a function comes from users.

    It may be a parameter of the function, or what an object was given; not the object itself.
    """
    caller = scope.index.functions.get(scope.function)
    if not hops or not isinstance(value, Ref) or caller is None or not caller.parameters:
        return False
    first, *rest = value.names
    if not rest:
        return any(
            parameter.name == first
            and _is_left_to_users(inference, scope.index, caller, position, hops - 1)
            for position, parameter in enumerate(caller.parameters)
            if position or not caller.class_name
        )
    if len(rest) > 1 or not caller.class_name or first != caller.parameters[0].name:
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
