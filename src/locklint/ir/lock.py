"""Locks: a kind (data from the model tables), and a reference to a lock in code."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from locklint.core.diagnostic import Confidence
from locklint.core.identity_enum import IdentityEnum
from locklint.ir.access_path import ANY_ELEMENT, AccessPath, ElementField

ENTERING = frozenset(("__enter__", "__exit__", "__aenter__", "__aexit__"))
"""The methods that a ``with`` calls."""

LOCKING = frozenset(("acquire", "release"))
"""Methods of unknown objects that are locks in all likelihood."""


class LockRole(IdentityEnum):
    """Purposes of a primitive."""

    LOCK = "lock"
    SEMAPHORE = "semaphore"
    CONDITION = "condition"
    EVENT = "event"
    BARRIER = "barrier"
    QUEUE = "queue"
    READ_WRITE = "read-write"


class Owner(IdentityEnum):
    """Owners: who has to release what was acquired."""

    ANYONE = "anyone"
    THREAD = "thread"
    TASK = "task"
    PROCESS = "process"
    INSTANCE = "instance"


class Failure(IdentityEnum):
    """Results of an acquire that gives up (non-blocking, or its timeout has passed)."""

    RETURNS_FALSE = "returns false"
    RAISES = "raises"
    NEVER = "never"  # there is no such form


class Gives(IdentityEnum):
    """The values that a successful acquire returns."""

    BOOL = "bool"
    NONE = "none"
    CONTEXT = "context manager"  # `with lock.acquire():` is legal and releases
    OTHER = "other"


class Mode(IdentityEnum):
    """Modes in which a lock is held."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class UnheldRelease(IdentityEnum):
    """Effects of releasing a lock that is not held."""

    RAISES = "raises"
    IGNORED = "ignored"  # a counting semaphore, or a library that ignores it


class Refused(IdentityEnum):
    """Arguments of an acquire that raise at once, in any state of the lock."""

    UNBLOCKED_TIMEOUT = "a timeout and blocking=False"  # ValueError; the default value is allowed
    NEGATIVE_TIMEOUT = "a negative timeout other than the default"  # ValueError
    NONE_TIMEOUT = "timeout=None"  # TypeError


class Argument(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The position of an acquire form's argument, and its meaning when it is left out."""

    name: str
    position: int | None  # counted without self; None: keyword only
    default: bool | float | None = None


class AcquireForm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A method that acquires."""

    name: str
    mode: Mode = Mode.EXCLUSIVE
    is_async: bool = False  # its call gives a coroutine, nothing is locked before the await
    begins_at_call: bool = False  # its call gives a future, which callbacks may wait for
    blocking: Argument | None = None
    timeout: Argument | None = None
    always_tries: bool = False  # never blocks, with any arguments (`acquire_nowait`)
    failure: Failure = Failure.RETURNS_FALSE
    gives: Gives = Gives.BOOL
    refuses: tuple[Refused, ...] = ()
    timeout_raises: bool = False  # a timeout that passes raises, though a refused try gives False
    result_decides: bool = False  # even a plain call may give False: the constructor's settings


class ReleaseForm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A method that releases; ``mode`` None: whichever mode is held."""

    name: str
    mode: Mode | None = None
    is_async: bool = False


class ContextForm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A method or attribute that gives a context manager over the lock (`rw.read_lock()`)."""

    name: str
    mode: Mode = Mode.EXCLUSIVE
    is_async: bool = False
    is_attribute: bool = False  # `rw.reader` without a call


class Setting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value that a constructor is given for an argument, as `repr` text."""

    argument: Argument
    value: str


class LockKind(msgspec.Struct, frozen=True, array_like=True, cache_hash=True, gc=False):
    """A row of the model tables: everything that the analysis needs about a kind of lock."""

    name: str  # canonical dotted name, e.g. ``threading.Lock``
    role: LockRole = LockRole.LOCK
    reentrant: bool = False
    owner: Owner = Owner.ANYONE
    constructors: tuple[str, ...] = ()  # dotted names of classes or factories that make one
    with_ok: bool = True
    async_with_ok: bool = False
    with_mode: Mode = Mode.EXCLUSIVE
    acquire_forms: tuple[AcquireForm, ...] = ()
    release_forms: tuple[ReleaseForm, ...] = ()
    context_forms: tuple[ContextForm, ...] = ()
    unheld_release: UnheldRelease = UnheldRelease.RAISES
    underlying: Argument | None = None  # the argument that is the lock of a condition
    waits: tuple[str, ...] = ()  # methods that wait (condition, event, barrier, queue)
    notifies: tuple[str, ...] = ()
    locked_method: str | None = None  # `locked`: whether anybody holds it
    owned_methods: tuple[str, ...] = ()  # whether the caller holds it
    owned_attributes: tuple[str, ...] = ()  # the same, without a call
    cross_process: bool = False
    enter_gives: Gives = Gives.OTHER  # the result of `__enter__`
    remote: bool = False  # its methods ask another machine, which may fail
    gives_up_if: tuple[Setting, ...] = ()  # settings of one object with which it never waits
    slots: Argument | None = None  # the argument that says how many may hold a semaphore at a time
    size: Argument | None = None  # the argument that says how many items a queue may have

    def __hash__(self) -> int:
        # Rows are looked up often, and a name has one row.
        return hash(self.name)

    def tells_if_held(self, name: str) -> bool:
        """Return whether that method or attribute is true while the caller holds the lock."""
        names = (self.locked_method, *self.owned_methods, *self.owned_attributes)
        return name in names

    def acquire_form(self, method: str) -> AcquireForm | None:
        """The acquire form of that method name."""
        return next((form for form in self.acquire_forms if form.name == method), None)

    def release_form(self, method: str) -> ReleaseForm | None:
        """The release form of that method name."""
        return next((form for form in self.release_forms if form.name == method), None)

    def context_form(self, name: str) -> ContextForm | None:
        """The context form of that method or attribute name."""
        return next((form for form in self.context_forms if form.name == name), None)

    def is_replaced_by(self, methods: Collection[str]) -> bool:
        """Return whether a subclass with these methods acquires or releases differently."""
        acquiring = any(form.name in methods for form in self.acquire_forms)
        releasing = any(form.name in methods for form in self.release_forms)
        return acquiring or releasing or has_lock_methods(methods)

    @property
    def is_async(self) -> bool:
        """Return whether tasks wait for it: to acquire it, or to enter it, is a coroutine."""
        acquired = any(form.is_async for form in self.acquire_forms)
        return acquired or any(form.is_async for form in self.context_forms)


def has_lock_methods(methods: Collection[str]) -> bool:
    """Return whether a class with these methods looks like a lock, regardless of its ancestors."""
    return any(name in methods for name in (*LOCKING, *ENTERING))


class Exactness(IdentityEnum):
    """Numbers of objects that one identity may represent."""

    ONE = "one object"  # a module global, a class attribute
    PER_INSTANCE = "one of each instance"  # an attribute set in a method
    ELEMENT = "element of a container"
    FRESH = "made on the spot"  # the constructor call itself, or a local that holds it
    UNKNOWN = "unknown"


def of_element(container: str) -> str:
    """Return the identity of a container's elements."""
    return f"{container}{ANY_ELEMENT}"


def of_container(element: str) -> str:
    """Return the identity of the container whose elements have this one."""
    return element.removesuffix(str(ANY_ELEMENT))


def of_known_element(identity: str, element: ElementField) -> str:
    """Return the identity of one of the elements that have this identity, else the same."""
    container = of_container(identity)
    return identity if container == identity else f"{container}{element}"


def without_elements(identity: str) -> str:
    """Return the identity of the container around all others that an identity leads through."""
    return identity.replace(str(ANY_ELEMENT), "")


class LockRef(msgspec.Struct, frozen=True, array_like=True, cache_hash=True, gc=False):
    """A lock as one piece of code names it.

    ``path`` is canonical within the function: aliases of attributes and conditions over a lock are
    replaced by the lock itself, so that equal paths (with no rebinding in between) are the same
    object (must-equal). ``identity`` is the name across the program (class-equal), e.g.
    ``bank.Account._lock``.
    """

    path: AccessPath
    identity: str
    kind: LockKind
    exactness: Exactness = Exactness.UNKNOWN
    confidence: Confidence = Confidence.HIGH
    may_be_none: bool = False  # some assignment to it is None
    may_be_stand_in: bool = False  # or an object that excludes no thread: a null context
    view_kind: LockKind | None = None  # the condition or read/write view through which it is used
    view: str = ""  # the identity of that condition, if it has one place
    mode: Mode | None = None  # fixed by a read/write view
    has_one_slot: bool = False  # a semaphore that only one can hold at a time, unless others signal
    gives_up: bool = False  # it raises if another one has it, unless a call says otherwise
    is_bounded: bool = False  # a queue that is known to be full after some items

    @property
    def api(self) -> LockKind:
        """The kind whose methods this reference has."""
        return self.view_kind or self.kind

    def may_wake(self, waiting: LockRef) -> bool:
        """Return whether to notify this condition may end a wait on that one.

        Several conditions may be over one lock.
        """
        if self.identity != waiting.identity:
            return False
        return not self.view or not waiting.view or self.view == waiting.view
