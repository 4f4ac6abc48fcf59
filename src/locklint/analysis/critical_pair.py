"""Critical pairs: the locks that are held at an event that may wait.

After Infer's starvation domain: an event, such as the acquisition of a lock, together with the
locks that are held at that moment. A pair that comes from a callee is linked to the callee's, not
copied, so that a chain of calls of any length costs one object for each function; the chain is
walked when its steps are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec.structs import replace

from locklint.analysis.events import Held, Manner
from locklint.analysis.hold import LockKey
from locklint.analysis.outcomes import Value, are_two_constants, exclude_each_other, outcome_for
from locklint.core.identity_enum import IdentityEnum
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.event import Event
from locklint.ir.hierarchy import Classes
from locklint.ir.instruction import Constant
from locklint.ir.lock import Exactness, LockRef, Mode
from locklint.ir.means import BY_FREEING, Implicit

UNKNOWN_ROOT = "?"
"""The root of a path that a function has no name for; it equals nothing."""

MAX_PATH = 4
"""The largest number of fields of a path that are followed through calls."""


TEXT_METHODS: dict[str, Callable[[str], str]] = {
    "casefold": str.casefold,
    "lower": str.lower,
    "strip": str.strip,
    "upper": str.upper,
}
"""Methods of texts that a test may call first."""

MOST_CALLS = 10
"""The largest number of calls that a warning about a deadlock rests on (ADR 103)."""

FEW_CALLS = 6
"""The same for faults for which a chain has to be run at an unlucky moment, or takes long."""


class RequirementKind(IdentityEnum):
    """The kinds of tests of a parameter."""

    TRUTH = "truth"
    NONE = "none"
    EQUALS = "equals"  # a constant
    ONE_OF = "one of"  # some constants, perhaps after a method of texts: `method.upper()`
    SAME = "same"  # the object that a path leads to
    CALLS = "calls"  # a function is what is passed
    JUDGED = "judged"  # what something makes of parameters alone: a function, or the test itself
    UNCLEAR = "unclear"  # a test that cannot be followed to the caller


class Requirement(msgspec.Struct, frozen=True, gc=False):
    """A condition on a parameter for the event to happen.

    ``constant`` is what it is compared with, ``other`` the path that it is compared with, the key
    of the function that is called, or the text of a test that is judged. ``options`` are several
    constants, with which it is compared after the ``method`` of texts, if there is one.
    """

    parameter: str
    kind: RequirementKind
    outcome: bool
    constant: Constant | None = None
    other: str = ""
    options: tuple[Constant, ...] = ()
    method: str = ""

    @property
    def is_about_presence(self) -> bool:
        """Return whether it tests only for presence."""
        return self.kind in (RequirementKind.TRUTH, RequirementKind.NONE)

    @property
    def is_plain(self) -> bool:
        """Return whether a literal decides it."""
        return self.kind in _PLAIN_KINDS or self.kind is RequirementKind.ONE_OF

    def sort_key(self) -> tuple[object, ...]:
        """Return a fixed order."""
        told = (str(self.constant), self.other, self.method, str(self.options))
        return (self.parameter, self.kind.value, self.outcome, *told)

    def is_met_by(self, path: AccessPath) -> bool | None:
        """Return whether a value that is passed meets it. Return None if that is not known."""
        if self.kind is RequirementKind.SAME and path.root is Root.GLOBAL:
            if are_two_constants(str(path), self.other):
                return not self.outcome
            return self.outcome if str(path) == self.other else None
        return None

    def of_value(self, path: AccessPath) -> StateTest | None:
        """Return the test of an argument for the parameter, or None if it is no plain one."""
        match self.kind:
            case RequirementKind.SAME:
                text = f"(§0 is {self.other})"
                return StateTest(path, TestKind.TEXT, self.outcome, text=text)
            case RequirementKind.JUDGED if self.other:
                return StateTest(path, TestKind.TEXT, self.outcome, text=self.other)
        kind = _PLAIN_KINDS.get(self.kind)
        return None if kind is None else StateTest(path, kind, self.outcome, self.constant)

    def excludes(self, other: Requirement) -> bool:
        """Return whether both cannot be met by one value."""
        if self.parameter != other.parameter:
            return False
        path = AccessPath(self.parameter, (), Root.PARAMETER)
        one, another = self.of_value(path), other.of_value(path)
        return one is not None and another is not None and one.excludes(another)

    def rules_out_items(self, value: Value) -> bool:
        """Return whether what a starred parameter collects rules it out."""
        test = self.of_value(AccessPath(self.parameter, (), Root.PARAMETER))
        return test is not None and test.answers(value) is False

    def contradicts(self, value: Constant) -> bool:
        """Return whether a literal rules it out."""
        match self.kind:
            case RequirementKind.UNCLEAR | RequirementKind.SAME:
                return False
            case RequirementKind.CALLS:
                return True
            case RequirementKind.JUDGED:
                # If nothing tells for which outcome the caller chose the literal, it is this one.
                found = outcome_for(self.other, value.value) if self.other else None
                return found is not self.outcome
            case RequirementKind.TRUTH:
                return bool(value.value) is not self.outcome
            case RequirementKind.NONE:
                return (value.value is None) is not self.outcome
            case RequirementKind.EQUALS:
                same = self.constant is not None and value.value == self.constant.value
                return same is not self.outcome
            case RequirementKind.ONE_OF:
                text = value.value
                if self.method:
                    if not isinstance(text, str):
                        return False
                    text = TEXT_METHODS[self.method](text)
                return any(text == each.value for each in self.options) is not self.outcome


class TestKind(IdentityEnum):
    """The kinds of tests of a value."""

    TRUTH = "truth"
    NONE = "none"
    EQUALS = "equals"  # a constant
    TEXT = "text"  # the text of the test does not matter
    HELD = "held"  # whether a lock is held, by any thread
    ITEMS = "items"  # whether a loop goes through something


_PLAIN_KINDS = {
    RequirementKind.TRUTH: TestKind.TRUTH,
    RequirementKind.NONE: TestKind.NONE,
    RequirementKind.EQUALS: TestKind.EQUALS,
}


class StateTest(msgspec.Struct, frozen=True, gc=False):
    """A test of a global or an attribute that control has passed, and its outcome.

    ``constant`` is what the value was compared with, ``text`` the test with a mark for the path.
    ``others`` are further paths in the text, each with a mark of its own: `key in self.jobs` is a
    test of ``self.jobs`` and of ``key``.
    """

    path: AccessPath
    kind: TestKind
    outcome: bool
    constant: Constant | None = None
    text: str = ""
    others: tuple[AccessPath, ...] = ()

    @property
    def paths(self) -> tuple[AccessPath, ...]:
        """Return everything that is tested."""
        return (self.path, *self.others)

    def named(self, name: Callable[[AccessPath], AccessPath | None]) -> StateTest | None:
        """Return the test with other names for its paths. Return None if one has no name."""
        path, *others = [name(each) for each in self.paths]
        known = tuple([each for each in others if each is not None])
        if path is None or len(known) != len(others):
            return None
        return replace(self, path=path, others=known)

    def excludes(self, other: StateTest) -> bool:
        """Return whether both cannot have these outcomes of one state.

        Whether a lock is held changes at any time, so that two such tests need not agree.
        """
        if self.paths != other.paths or self.kind is TestKind.HELD:
            return False
        if (self.kind, self.constant, self.text) == (other.kind, other.constant, other.text):
            return self.outcome is not other.outcome
        if self.others:
            return False
        return exclude_each_other(self._as_text, self.outcome, other._as_text, other.outcome)

    @property
    def _as_text(self) -> str:
        match self.kind:
            case TestKind.TRUTH:
                return "§0"
            case TestKind.NONE:
                return "(§0 is None)"
            case TestKind.EQUALS:
                return f"(§0 == {self.constant})"
            case TestKind.ITEMS:
                return "(len(§0) > 0)"
            case _:
                return self.text

    def answers(self, value: Value) -> bool | None:
        """Return whether the test has its outcome for a value. Return None if that is not known."""
        if self.others or self.kind is TestKind.HELD:
            return None
        found = outcome_for(self._as_text, value)
        return None if found is None else found is self.outcome

    def sort_key(self) -> tuple[bool, AccessPath, str, str, str, bool]:
        """Return a key for a fixed order, the most informative first."""
        equal = self.kind is TestKind.EQUALS and self.outcome
        text = (self.kind.value, str(self.constant), f"{self.text} {self.others}")
        return (not equal, self.path, *text, self.outcome)


class CriticalPair(msgspec.Struct, frozen=True, eq=False):
    """An event, and the locks held when it happens, named as in one function.

    If ``Store.add`` acquires ``self.lock``, this function has a pair for its call, whose event
    acquires ``self.store.lock``, whose ``held`` is ``self.lock``, and whose ``inner`` is that of
    ``add``::

        def put(self, item):
            with self.lock:
                self.store.add(item)

    ``function`` is its key; ``span`` the place in it: the event itself, or the call that leads to
    it, and then ``inner`` is the callee's pair. ``held`` are the locks that this function itself
    holds there, outermost first, ``inside`` those that callees hold on top of them. ``released``
    are locks of callers that were released along the path, ``free`` those that no caller can hold,
    because they were acquired along the path. ``requires`` and ``state`` say what parameters,
    globals and attributes must be for it. ``manner`` is the weakest link of the chain, ``certain``
    says that each of its calls can call nothing else. ``self`` has to be of one of ``classes`` for
    the chain to be run; None: of any class that runs the function.
    """

    function: str
    span: Span
    event: Event
    held: tuple[Held, ...] = ()
    inside: tuple[Held, ...] = ()
    released: tuple[LockKey, ...] = ()
    free: tuple[LockKey, ...] = ()
    requires: tuple[Requirement, ...] = ()
    state: tuple[StateTest, ...] = ()
    inner: CriticalPair | None = None
    implicit: Implicit | None = None  # how the call is made, where it is not written as one
    manner: Manner = Manner.DIRECT
    certain: bool = True
    depth: int = 0
    classes: Classes | None = None

    def identity(self) -> tuple[object, ...]:
        """Return a key that pairs with the same facts share; their witnesses may differ.

        Locks that callees hold only exclude other threads, unless a caller knows more about them.
        So of pairs that differ only in these the one with the fewest is kept: see `rank`.
        """
        event = self.event
        lock = None if event.lock is None else key_text(event.lock, event.mode)
        named = tuple([key_text(h.lock, h.mode) for h in self._named_here()])
        return (
            event.kind.value,
            lock,
            event.name,
            str(event.path or ""),
            event.waits_if,
            tuple([key_text(h.lock, h.mode) for h in self.held]),
            named,
            tuple(map(str, self.released)),
            # Threads that are made in different places are different threads.
            self.span if named or self.is_concurrent else None,
            self.is_concurrent,
            tuple([each for each in self.requires if each.kind is RequirementKind.CALLS]),
            _in_order(self.classes),
            event.holder and _in_order(event.holder.classes),
        )

    def _named_here(self) -> Iterator[Held]:
        """Return locks of callees that this function, or a caller of it, is the first to name."""
        inner = self.inner
        if inner is None:
            return
        asked = inner.event.lock
        is_new = asked is not None and is_open(asked)
        for here, before in zip(self.inside, inner.all_held(), strict=True):
            if is_new or is_open(here.lock) or is_open(before.lock):
                yield here

    def rank(self) -> tuple[object, ...]:
        """The smaller, the better a witness: sure before unsure, short before long."""
        return (
            len(self.requires),
            len(self.state),
            len(self.inside),
            len(self.free),
            self.manner is Manner.OVERRIDE,
            not self.certain,
            self.depth,
            self.span,
            "" if self.inner is None else self.inner.function,
        )

    def chain(self) -> Iterator[CriticalPair]:
        """This pair, then the callee's, down to the event itself."""
        pair: CriticalPair | None = self
        while pair is not None:
            yield pair
            pair = pair.inner

    @property
    def conditions(self) -> tuple[StateTest, ...]:
        """Return what globals and attributes must be, but for loops: these mostly have items."""
        return tuple([test for test in self.state if test.kind is not TestKind.ITEMS])

    @property
    def is_concurrent(self) -> bool:
        """Return whether it happens in another thread than its function."""
        return self.manner is Manner.CONCURRENT

    @property
    def in_its_thread(self) -> CriticalPair:
        """Return this pair as seen by the function in whose thread it happens."""
        pair = self
        while pair.is_concurrent and pair.inner is not None:
            pair = pair.inner
        return pair

    @property
    def is_innermost(self) -> bool:
        """Return whether the function itself holds a lock there, and none of its callees does."""
        return bool(self.held) and not self.inside and not self.is_concurrent

    @property
    def is_of_freed(self) -> bool:
        """Return whether the lock is one of an object that is freed: no other thread holds it."""
        return any(
            pair.implicit == BY_FREEING
            and pair.inner is not None
            and (lock := pair.inner.event.lock) is not None
            and lock.path.root is Root.SELF
            for pair in self.chain()
        )

    def all_held(self) -> tuple[Held, ...]:
        """Everything that is held, outermost first."""
        return (*self.held, *self.inside)


def best_by_place(pairs: Iterable[CriticalPair]) -> list[CriticalPair]:
    """Return the best witness of each place of a function, in order."""
    found: dict[Span, CriticalPair] = {}
    for pair in pairs:
        old = found.get(pair.span)
        if old is None or pair.rank() < old.rank():
            found[pair.span] = pair
    return [found[span] for span in sorted(found)]


def key_text(lock: LockRef, mode: Mode = Mode.EXCLUSIVE) -> str:
    """A text that is equal for locks that are the same to a function, and of one identity."""
    side = "/shared" if (lock.mode or mode) is Mode.SHARED else ""
    if lock.exactness is Exactness.ONE:
        return f"{lock.identity}{side}"
    return f"{lock.identity} at {lock.path}{side}"


def is_vague(lock: LockRef) -> bool:
    """Return whether the path of a lock may mean several objects, so that it equals nothing."""
    if lock.exactness is Exactness.ONE:
        return False
    path = lock.path
    # Two calls need not give the same object.
    return path.root_name == UNKNOWN_ROOT or path.is_vague or path.is_called


def is_known(lock: LockRef) -> bool:
    """Return whether the lock has a name across the program: not a parameter's, nor a local's."""
    return lock.exactness in (Exactness.ONE, Exactness.PER_INSTANCE, Exactness.ELEMENT)


def is_open(lock: LockRef) -> bool:
    """Return whether a caller knows more about a lock: it, or its key in a container, is passed."""
    if not is_known(lock):
        return True
    return lock.exactness is Exactness.ELEMENT and lock.path.root is Root.PARAMETER


def nameless(lock: LockRef) -> AccessPath:
    """The path of a lock that the function at hand has no name for."""
    return AccessPath(UNKNOWN_ROOT, (lock.path.last,), Root.TEMP)


def _in_order(classes: Classes | None) -> tuple[str, ...] | None:
    """Return classes sorted: pairs are sorted by the text of what they are identified by."""
    return None if classes is None else tuple(sorted(classes))
