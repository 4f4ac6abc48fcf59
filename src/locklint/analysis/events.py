"""Facts for the rules from the last walk over solved lock states: no verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from locklint.analysis.hold import (
    Acquisition,
    Flow,
    Grade,
    Hold,
    InFlight,
    LockKey,
    key_of,
)
from locklint.analysis.lockset import Fact
from locklint.core.identity_enum import IdentityEnum
from locklint.core.not_analysed import Reason
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function
from locklint.ir.event import Event, EventKind
from locklint.ir.hierarchy import Holder
from locklint.ir.instruction import (
    Acquire,
    Call,
    CallArgument,
    Constant,
    Notify,
    Operand,
    TryAcquire,
    Wait,
)
from locklint.ir.lock import LockRef, Mode
from locklint.ir.means import How, Implicit, Means


class Exit(msgspec.Struct, frozen=True, eq=False):
    """An exit of the function, for good or by a yield.

    ``exception`` None: by returning ``value``.
    """

    span: Span
    value: Operand | None
    exception: InFlight | None
    holds: dict[LockKey, Hold]
    improbable: bool = False  # only reached because an acquire itself raised, and was handled
    facts: Mapping[Fact, bool] = msgspec.field(default_factory=dict)  # outcomes of tests

    @property
    def returns_truth(self) -> bool | None:
        """The truth of the returned value, where it is known."""
        return bool(self.value.value) if isinstance(self.value, Constant) else None


class Held(msgspec.Struct, frozen=True, gc=False):
    """A lock that is held, and its acquire if that is in the function itself.

    ``holder`` is what a callee knows about the object whose attribute the lock is.
    """

    lock: LockRef
    mode: Mode
    since: Acquisition | None = None
    holder: Holder | None = None

    @property
    def key(self) -> LockKey:
        """Return what it is must-equal to."""
        return key_of(self.lock, self.mode)

    @property
    def blocks_threads(self) -> bool:
        """Return whether a thread or process waits for the lock, rather than a task."""
        return not self.lock.kind.is_async

    @property
    def surely_blocks_threads(self) -> bool:
        """Return whether threads wait for it, and no null context may replace it."""
        return self.blocks_threads and not self.lock.may_be_stand_in


class Occurrence(msgspec.Struct, frozen=True):
    """An execution of an event: the locks held before it, outermost first.

    ``released`` are the locks of callers that this function has released, ``free`` those that it
    has shown to be free by acquiring them before, so that no caller holds them.
    """

    event: Event
    span: Span
    held: tuple[Held, ...]
    released: tuple[LockKey, ...]
    free: tuple[LockKey, ...]


class Taken(Occurrence, frozen=True):
    """An execution of an acquisition, with the state of the lock before.

    Without an ``instruction`` it is that of a callee, which returns with the lock held.
    """

    acquisition: Acquisition
    before: Hold
    instruction: Acquire | TryAcquire | None

    @property
    def lock(self) -> LockRef:
        """Return the lock."""
        assert self.event.lock is not None
        return self.event.lock

    @property
    def key(self) -> LockKey:
        """Return what the lock is must-equal to."""
        return key_of(self.lock, self.event.mode)

    @property
    def waits(self) -> bool:
        """Return whether the function itself waits for the lock here, and does not only try."""
        timed = isinstance(self.instruction, TryAcquire) and self.instruction.timed
        return timed or self.event.kind is EventKind.ACQUIRE


class Manner(IdentityEnum):
    """Manners in which a call runs its callee."""

    DIRECT = "direct"
    OVERRIDE = "override"  # only if the receiver is an instance of a subclass
    CONCURRENT = "concurrent"  # in another thread or task, with nothing held
    POSSIBLE = "possible"  # perhaps: a guess, from which no finding follows


class Called(msgspec.Struct, frozen=True):
    """An execution of a call of a function of the program, with the locks held before it.

    ``call`` is the call with aliases resolved; None for methods of a context manager, whose
    ``receiver`` is given instead, and for a thread, which gets the ``arguments``. ``implicit`` says
    how it is called where no call is written. ``receiver_classes``: see `Call`. ``closure`` says
    what variables mean that a callee inside this function may name.
    """

    span: Span
    target: str
    manner: Manner = Manner.DIRECT
    call: Call | None = None
    receiver: AccessPath | None = None
    arguments: tuple[CallArgument, ...] = ()
    held: tuple[Held, ...] = ()
    released: tuple[LockKey, ...] = ()
    free: tuple[LockKey, ...] = ()
    certain: bool = True
    implicit: Implicit | None = None
    receiver_classes: tuple[str, ...] = ()
    closure: tuple[tuple[str, AccessPath], ...] = ()

    @property
    def is_held_by_hand(self) -> bool:
        """Return whether a lock is held that the function itself has to release."""
        return bool(self.held) and any(
            held.since is not None and held.since.how.means is not Means.WITH for held in self.held
        )

    @property
    def passes_lock(self) -> bool:
        """Return whether a lock is among the arguments."""
        call = self.call
        return call is not None and any(argument.lock is not None for argument in call.arguments)


class Given(msgspec.Struct, frozen=True):
    """An execution of a release: the state before it.

    ``last`` says that this lock was acquired last; ``exception`` is what was in flight.
    """

    span: Span
    how: How
    key: LockKey
    lock: LockRef
    before: Hold
    last: bool
    exception: InFlight | None


class Used(msgspec.Struct, frozen=True):
    """An execution of a wait or notification: the state of the condition's lock before it.

    ``held`` are the other locks that are held there, outermost first; ``free``: see `Occurrence`.
    """

    instruction: Wait | Notify
    key: LockKey
    lock: LockRef
    before: Hold
    held: tuple[Held, ...]
    free: tuple[LockKey, ...]
    exception: InFlight | None

    @property
    def span(self) -> Span:
        """Return the place of the call."""
        return self.instruction.span


class Shared(msgspec.Struct, frozen=True):
    """Effects of other functions, on their own, on the locks of one function, by identity.

    ``released``: they release what it has acquired; ``acquired``: they acquire what it releases.
    ``turns`` says whether in a loop one iteration acquires what another one releases.
    """

    released: frozenset[str] = frozenset()
    acquired: frozenset[str] = frozenset()
    turns: bool = False


NOT_SHARED = Shared()


class TriedByCallee(msgspec.Struct, frozen=True):
    """A call that tries to acquire ``lock`` and returns whether it did.

    ``certain`` and ``limited``: see `Effect`. ``hidden``: the callee may also set a flag.
    """

    call: Call
    callee: str
    lock: LockRef
    certain: bool
    limited: bool
    hidden: bool


class LockStates(msgspec.Struct):
    """All facts about the locks of one function.

    ``given_up`` says why the analysis gave up, if it did; then nothing may be concluded. ``raises``
    is how likely it is left by an exception that does not end the process, ``returns`` whether it
    ever returns in practice. For a function that touches no lock these replace its ``exits``, and
    its ``yields`` are not noted either, unless all facts are requested. ``deciding`` are the
    parameters whose values the states have to track. ``sets_flags``: the function, or a callee,
    binds an attribute or element to a literal. ``handed_on`` are the locks that one iteration of a
    loop acquires and another one releases. ``handed_over`` are those that were held when other code
    got what may release them later, such as a task. ``varied`` are the identities of the locks that
    a callee acquires or releases on some of its paths only. ``possible`` are calls of functions
    that are only guessed, apart from all others. ``names_locks``: an instruction of the function
    may do something to a lock itself.
    """

    function: Function
    calls: list[Called] = msgspec.field(default_factory=list)
    possible: list[Called] = msgspec.field(default_factory=list)
    events: list[Occurrence] = msgspec.field(default_factory=list)
    exits: list[Exit] = msgspec.field(default_factory=list)
    given: list[Given] = msgspec.field(default_factory=list)
    used: list[Used] = msgspec.field(default_factory=list)
    tried: dict[Span, TriedByCallee] = msgspec.field(default_factory=dict)
    yields: list[Exit] = msgspec.field(default_factory=list)
    locks: dict[LockKey, LockRef] = msgspec.field(default_factory=dict)
    given_up: Reason | None = None
    raises: Grade = Grade.NEVER
    raises_for_literals: Grade = Grade.NEVER
    named: frozenset[str] = frozenset()
    others: Grade = Grade.NEVER
    returns: bool = False
    deciding: tuple[str, ...] = ()
    sets_flags: bool = False
    names_locks: bool = True
    shared: Shared = NOT_SHARED
    handed_on: frozenset[LockKey] = frozenset()
    handed_over: frozenset[LockKey] = frozenset()
    varied: frozenset[str] = frozenset()
    # Results that are computed once for all rules.
    derived: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def taken(self) -> list[Taken]:
        """Return the events that are acquisitions."""
        # Most functions have no lock, but some of them thousands of events.
        return [each for each in self.events if isinstance(each, Taken)] if self.locks else []

    @property
    def complete(self) -> bool:
        """Return whether the function was analysed to its end."""
        return self.given_up is None

    @property
    def normal_exits(self) -> list[Exit]:
        """Return the exits by return, without those that no program uses in practice."""
        return [exit_ for exit_ in self.exits if exit_.exception is None and not exit_.improbable]

    @property
    def exceptional_exits(self) -> list[Exit]:
        """The exits by an exception that does not end the process."""
        return [
            exit_
            for exit_ in self.exits
            if exit_.exception is not None and exit_.exception.flow is not Flow.EXIT
        ]

    @property
    def ends_with(self) -> bool:
        """Return whether the function is the end of a `with`, and releases what another takes."""
        return self.function.name in ("__exit__", "__aexit__") and bool(self.given)

    @property
    def suspends_with_lock(self) -> bool:
        """Return whether it awaits while it holds a lock of threads or processes."""
        return self.function.is_async and any(
            held.blocks_threads
            for each in self.events
            if each.event.kind is EventKind.AWAIT
            for held in each.held
        )

    def released(self) -> dict[tuple[Mode, Acquisition], list[Given]]:
        """Return, for each acquisition, the releases of its level."""
        result: dict[tuple[Mode, Acquisition], list[Given]] = defaultdict(list)
        for given in self.given:
            if given.before.count > 0 and given.before.levels:
                for acquisition in given.before.levels[-1]:
                    result[given.key.mode, acquisition].append(given)
        return result
