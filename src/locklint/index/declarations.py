"""Types of the declarations of a file. `index.build` fills them in from the standard `ast`.

Everything here is plain data that msgspec can store, so that it can be cached by content hash. The
index decides nothing that is reported; it says where to look and what names mean.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from locklint.core.source import PlaceOrZero, Span
from locklint.ir.access_path import Field
from locklint.ir.parameter import Star


class Ref(msgspec.Struct, frozen=True, array_like=True, tag="ref", gc=False):
    """A dotted name as written: ``threading.Lock``, ``self._lock``, ``lock``."""

    names: tuple[str, ...]


class CallValue(msgspec.Struct, frozen=True, array_like=True, tag="call", gc=False):
    """A call: of ``callee``, with positional and keyword arguments (starred ones are dropped)."""

    callee: Value
    arguments: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    line: PlaceOrZero = 0


class AttributeValue(msgspec.Struct, frozen=True, array_like=True, tag="attribute", gc=False):
    """An attribute of something that is not a dotted name: ``make().lock``."""

    of: Value
    name: str


class Choice(msgspec.Struct, frozen=True, array_like=True, tag="choice", gc=False):
    """A choice of several values: ``a or b``, ``a if c else b``."""

    options: tuple[Value, ...]


class Items(msgspec.Struct, frozen=True, array_like=True, tag="items", gc=False):
    """A list, tuple, set, dict or comprehension: the values of its elements.

    ``keys`` are the literal keys of a dict display (as `repr` text), in the order of ``elements``.
    """

    elements: tuple[Value, ...]
    keys: tuple[str, ...] = ()


class Element(msgspec.Struct, frozen=True, array_like=True, tag="element", gc=False):
    """A subscript, or what iterating gives; ``key`` is the `repr` of a literal key, else None."""

    of: Value
    key: str | None = None


class Generic(msgspec.Struct, frozen=True, array_like=True, tag="generic", gc=False):
    """A subscript whose index holds types: ``dict[str, Lock]``, ``Optional[Lock]``."""

    of: Value
    arguments: tuple[Value, ...]


ALIASED = frozenset(
    "Annotated Callable DefaultDict Deque Dict List Mapping MutableMapping Optional Sequence"
    " Union".split()
)
"""The last names of generic types whose subscript is an annotation wherever it is written."""


def is_alias(value: Generic) -> bool:
    """Return whether a subscript with types, written as a value, gives a name to an annotation."""
    return isinstance(value.of, Ref) and value.of.names[-1] in ALIASED


class Literal(msgspec.Struct, frozen=True, array_like=True, tag="literal", gc=False):
    """A constant, as `repr` text (``None``, ``True``, ``'x'``, ``5``)."""

    text: str


class LambdaValue(msgspec.Struct, frozen=True, array_like=True, tag="lambda", gc=False):
    """A lambda without parameters that matter: its result and its place."""

    body: Value
    line: PlaceOrZero = 0
    column: PlaceOrZero = 0


class Awaited(msgspec.Struct, frozen=True, array_like=True, tag="awaited", gc=False):
    """The result of awaiting a value."""

    of: Value


class Entered(msgspec.Struct, frozen=True, array_like=True, tag="entered", gc=False):
    """The value that ``with value as name`` binds."""

    of: Value


class Operation(msgspec.Struct, frozen=True, array_like=True, tag="operation", gc=False):
    """The result of an arithmetic operator: a value of the types of its operands.

    If one of them is a literal, it represents the whole.
    """

    operands: tuple[Value, ...]


class Opaque(msgspec.Struct, frozen=True, array_like=True, tag="opaque", gc=False):
    """Anything else."""


Value: TypeAlias = (
    Ref
    | CallValue
    | AttributeValue
    | Choice
    | Items
    | Element
    | Generic
    | Literal
    | LambdaValue
    | Awaited
    | Entered
    | Operation
    | Opaque
)


class Binding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An assignment to a name or attribute.

    ``function`` is the qualname of the function that does it (empty: the module's or class's own
    body). ``annotation`` is the annotation as a value, where there is one. ``element`` says that
    the value is put into the container that the name holds (``x[k] = v``, ``x.append(v)``), under
    ``key`` where that is a literal (as `repr` text).
    ``receiver`` is ``x`` in a store ``x.attr = value`` where x is not the first parameter.
    """

    value: Value
    line: PlaceOrZero
    function: str = ""
    annotation: Value | None = None
    element: bool = False
    receiver: Value | None = None
    key: str | None = None

    @property
    def is_declaration(self) -> bool:
        """Return whether it binds nothing, but says of which type the name is: ``x: Store``."""
        return self.annotation is not None and self.value == Opaque()


class Parameter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A parameter; ``keyword_only`` is after the star."""

    name: str
    annotation: Value | None = None
    default: Value | None = None
    star: Star | None = None
    keyword_only: bool = False


class Written(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An expression as a variable and fields, as an access path has them."""

    variable: str
    fields: tuple[Field, ...] = ()

    @property
    def last(self) -> Field:
        """The last field, or the variable's name where there is none."""
        return self.fields[-1] if self.fields else self.variable


class LockUse(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something by which a function may touch a lock.

    ``word`` is the name of a method, ``with``, or ``if`` for a test. ``of`` leads to what would be
    the lock; arguments of calls are left out. Its variable is empty where a method has no receiver
    (``release()``), and it is None where the lock cannot be written down.
    """

    of: Written | None
    word: str


ANY_EXCEPTION = "BaseException"
"""The class of all exceptions."""

SOME_EXCEPTION = "?"
"""A class of exceptions without a dotted name."""


class FunctionDecl(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function: everything that can be said without lowering it.

    ``qualname`` is dotted with ``<locals>`` left out (``Class.method``, ``outer.inner``); a second
    definition of the same name in a scope is ``name@line``. ``class_name`` is the qualname of the
    class whose body holds it, ``parent`` the qualname of the enclosing function. ``locals`` are the
    bindings of its own scope (nested functions and classes are bound to their own qualnames in
    ``inner``), ``comprehensions`` those of the targets of its comprehensions.
    ``self_bindings`` are assignments to attributes of its first parameter, those of functions
    nested in it included.
    ``called`` are the bare last names of everything that it calls (its nested functions' not), each
    once: a set of them takes five times the memory.
    ``callees`` are these with the dotted names of what they belong to, each in a line of its own,
    and what it passes to functions that call it at once; only the last name, after a dot, stands
    for a callee that also has calls or subscripts in it. ``lock_uses`` are what in its own body
    may touch a lock, each once.
    ``is_abstract``: it is decorated so, or does nothing but raise `NotImplementedError`;
    ``is_empty``: it does nothing at all. ``tested`` are the classes that tests with `isinstance` or
    `match` name, by variable, ``documented`` the classes that the docstring names by parameter.
    ``ends`` is None if its text lets it return, else the dotted names of callees none of which may
    return if it is not to either; empty where it never returns. ``swallows`` are the classes of
    exceptions that it does not let out of a `with`, if it is a manager, or the end of one.
    """

    qualname: str
    name: str
    span: Span  # with decorators
    name_span: Span
    parameters: tuple[Parameter, ...]
    class_name: str | None = None
    parent: str | None = None
    is_async: bool = False
    is_generator: bool = False
    decorators: tuple[Value, ...] = ()
    returns_annotation: Value | None = None
    returns: tuple[Value, ...] = ()
    yields: tuple[Value, ...] = ()
    locals: dict[str, tuple[Binding, ...]] = {}
    inner: dict[str, str] = {}
    globals: tuple[str, ...] = ()
    nonlocals: tuple[str, ...] = ()
    imports: dict[str, str] = {}  # made in its own body
    self_bindings: dict[str, tuple[Binding, ...]] = {}
    called: tuple[str, ...] = ()
    callees: str = ""
    lock_uses: tuple[LockUse, ...] = ()
    is_abstract: bool = False
    is_empty: bool = False
    comprehensions: dict[str, tuple[Binding, ...]] = {}
    tested: dict[str, tuple[Value, ...]] = {}
    documented: dict[str, str] = {}  # dotted names
    ends: tuple[str, ...] | None = None
    swallows: tuple[str, ...] = ()

    @property
    def mentions_lock(self) -> bool:
        """Return whether its body has a ``with``, or an attribute or call that may touch a lock."""
        return bool(self.lock_uses)


class ClassDecl(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A class: bases as written, class-level bindings, and its methods by name (qualnames)."""

    qualname: str
    name: str
    span: Span
    bases: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...] = ()
    decorators: tuple[Value, ...] = ()
    attributes: dict[str, tuple[Binding, ...]] = {}
    methods: dict[str, str] = {}
    parent: str | None = None  # qualname of the function or class that holds it


def called_element(name: str) -> str:
    """Return the name of calls of a container's elements: ``TYPES[]`` for ``TYPES[kind](x)``."""
    return f"{name}[]"


def called_result(name: str) -> str:
    """Return the name of calls of what calls return: ``choose()`` for ``choose(kind)(x)``."""
    return f"{name}()"


def is_of_call_or_element(name: str) -> bool:
    """Return whether `called_element` or `called_result` made a name."""
    return name.endswith(("[]", "()"))


class CallSite(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call that may be of a function or class of the project.

    The callee's last name is a function or class of the same file, or its first name is imported
    from the same project, or it is a method or a variable that is given more than constants. Names
    of built-in functions, and of methods of texts, lists and dicts, are left out.

    Calls of elements and of results have names of their own (`called_element`, `called_result`).
    Calls of ``cls``, ``__class__`` and ``__init__`` are included, and a function that is passed on
    together with its arguments (``Thread(target=f, args=(lock,))``) is treated as called.
    """

    function: str  # qualname of the function that calls, empty for module code
    call: CallValue
    name: str  # the callee's last name


class ModuleIndex(msgspec.Struct, frozen=True, array_like=True):
    """All declarations of one file.

    ``imports`` maps local names to absolute dotted targets (relative imports resolved), function
    level ones included (a module-level one of that name wins); ``other_imports`` are the further
    targets of a name that is imported in several ways; ``star_imports`` are the modules imported
    with ``*``.
    ``module_statements`` are the spans of top-level statements, other than functions and classes,
    that may touch a lock.
    """

    module: str
    path: str
    is_package: bool
    imports: dict[str, str] = {}
    star_imports: tuple[str, ...] = ()
    other_imports: dict[str, tuple[str, ...]] = {}
    bindings: dict[str, tuple[Binding, ...]] = {}
    functions: dict[str, FunctionDecl] = {}
    classes: dict[str, ClassDecl] = {}
    call_sites: tuple[CallSite, ...] = ()
    module_statements: tuple[Span, ...] = ()
    called: frozenset[str] = frozenset()
    attribute_stores: dict[str, tuple[Binding, ...]] = {}  # `x.attr = value`, x not self, by attr
    exports: tuple[str, ...] = ()
    unique: str = ""  # set where another file of the run has the same module name

    def __hash__(self) -> int:
        # Places in a file are looked up often, and a run has one index for a path.
        return hash(self.path)

    def __repr__(self) -> str:
        # Every place in the file contains it: the longer text of its fields would hide them.
        return f"ModuleIndex(module={self.module!r}, path={self.path!r})"

    @property
    def key(self) -> str:
        """The name of the file in keys of functions and identities of locks."""
        return self.unique or self.module
