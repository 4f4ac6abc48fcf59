"""Laws of the domain of lock states, tried on random states.

The universe is small on purpose (two locks, two variables, two tests), so that states meet, and
values are drawn such that each disjunct could arise: a forgotten lock has nothing else to it, and
there is one set of acquisitions for each level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations, product
from typing import TypeVar

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from locklint.analysis.hold import (
    FORGOTTEN,
    Acquisition,
    Cause,
    CauseKind,
    Flow,
    Grade,
    Hold,
    InFlight,
    LockKey,
    Why,
)
from locklint.analysis.lockset import (
    EMPTY,
    Disjunct,
    Fact,
    FactKind,
    Value,
)
from locklint.analysis.state import MAX_DISJUNCTS, State, join_disjuncts
from locklint.core.not_analysed import Reason
from locklint.core.source import Span
from locklint.dataflow.solver import GivenUp
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.instruction import Constant
from locklint.ir.means import How

KEYS = (LockKey(AccessPath("a")), LockKey(AccessPath("b")))
VARIABLES = (AccessPath("x", (), Root.LOCAL), AccessPath("y", (), Root.LOCAL))
FACTS = tuple(Fact(FactKind.TRUTH, str(path), (path,)) for path in VARIABLES)
STACK = AccessPath("stack", (), Root.LOCAL)
SPANS = tuple(Span(line, 1, line, 9) for line in (1, 2, 3))

LAW = settings(max_examples=60, deadline=None, derandomize=True, database=None)

spans = st.sampled_from(SPANS)
grades = st.sampled_from((Grade.ACQUIRE, Grade.UNLIKELY, Grade.LIKELY, Grade.CERTAIN))
kinds = st.sampled_from(((Flow.ERROR, None), (Flow.ERROR, "ValueError"), (Flow.CANCEL, None)))

# Parts of states are listed, so that one draw chooses one: to draw all that is in them takes ten
# times as long as the laws.
_PLACES = (*((span, KEYS[0].path) for span in SPANS), (SPANS[0], KEYS[1].path))
_ACQUISITIONS = tuple(Acquisition(span, How("acquire"), written) for span, written in _PLACES)
LEVELS = tuple(frozenset(each) for n in (1, 2) for each in combinations(_ACQUISITIONS, n))
levels = st.sampled_from(LEVELS)
_KNOWN: tuple[Value, ...] = (
    Constant(True),
    Constant(False),
    Constant(None),
    frozenset((Constant(True), Constant(False))),
    frozenset((Constant(True), Constant(None))),
    VARIABLES[0],
)


def held(count: int) -> st.SearchStrategy[Hold]:
    """A lock that this function holds, or has given back, or never had."""
    reasons = [(None, None), *product(Why, SPANS)] if count <= 0 else [(None, None)]
    return st.sampled_from(
        [
            Hold(count=count, levels=on, free_at=free, why=why, where=where, handed_over=handed)
            for on in product(LEVELS, repeat=max(count, 0))
            for free in (None, 0, 1)
            for why, where in reasons
            for handed in (False, True)
        ]
    )


_held = [held(count) for count in (-1, 0, 1, 2)]
holds = st.one_of(st.just(FORGOTTEN), st.just(FORGOTTEN), *_held)


_Key = TypeVar("_Key")
_Item = TypeVar("_Item")


def mappings(
    keys: Iterable[_Key], items: Iterable[_Item]
) -> st.SearchStrategy[Mapping[_Key, _Item]]:
    """Each way to give some of the keys an item."""
    chosen = [[(key, item) for item in items] + [None] for key in keys]
    return st.sampled_from([dict(filter(None, each)) for each in product(*chosen)])


values = mappings(VARIABLES, _KNOWN)
facts = mappings(FACTS, (True, False))
maybe_holds = st.one_of(st.none(), holds)
usual_values = mappings(VARIABLES[:1], _KNOWN[:2])
usual_facts = mappings(FACTS[:1], (True, False))
usual_holds = st.sampled_from((None, *(Hold(1, (level,)) for level in LEVELS[:4])))
orders = st.sampled_from(((), KEYS[:1], KEYS, KEYS[::-1]))


@st.composite
def disjuncts(draw: st.DrawFn, kind: tuple[Flow, str | None] | None = None) -> Disjunct:
    """A disjunct; ``kind``: of the exception in flight."""
    exception = None
    if kind is not None:
        cause = Cause(CauseKind.CALL, draw(spans))
        exception = InFlight(kind[0], kind[1], draw(grades), cause)
    # Half of the disjuncts are of a few kinds, so that many of a state have the same locks.
    is_usual = draw(st.booleans())
    found = {key: draw(usual_holds if is_usual else maybe_holds) for key in KEYS}
    return Disjunct(
        holds={key: hold for key, hold in found.items() if hold is not None},
        values=draw(usual_values if is_usual else values),
        facts=draw(usual_facts if is_usual else facts),
        deferred={},
        order=() if is_usual else draw(orders),
        exception=exception,
    )


@st.composite
def alike(draw: st.DrawFn, count: int) -> tuple[Disjunct, ...]:
    """Disjuncts of one identity, with witnesses of their own.

    With an exception in flight, the acquisitions that it may leak are part of the identity.
    """
    kind = draw(st.one_of(st.none(), kinds))
    first = draw(disjuncts(kind))
    found: list[Disjunct] = []
    for _ in range(count):
        bound = {
            key: replace(
                hold,
                levels=(
                    hold.levels
                    if first.exception is not None and hold.count > 0
                    else tuple(draw(levels) for _ in hold.levels)
                ),
                where=draw(spans) if hold.where else None,
            )
            for key, hold in first.holds.items()
        }
        exception = first.exception
        if exception is not None:
            exception = replace(exception, cause=Cause(CauseKind.CALL, draw(spans)))
        found.append(Disjunct(bound, first.values, first.facts, {}, first.order, exception))
    return tuple(found)


@st.composite
def any_disjunct(draw: st.DrawFn) -> Disjunct:
    """A disjunct with any exception, or none, in flight."""
    return draw(disjuncts(draw(st.one_of(st.none(), kinds))))


small_states = st.lists(any_disjunct(), max_size=8).map(State)


VALUES = (Constant(True), Constant(False), Constant(None), VARIABLES[0], None)
WORLDS = tuple(
    ({VARIABLES[0]: x, VARIABLES[1]: y}, dict(zip(FACTS, outcomes, strict=True)))
    for x in VALUES
    for y in VALUES
    for outcomes in product((True, False), repeat=len(FACTS))
)
"""All that variables and tests can be; None is a value that no state knows."""


@cache
def worlds_of(
    values: frozenset[tuple[AccessPath, Value]], facts: frozenset[tuple[Fact, bool]]
) -> tuple[int, ...]:
    """Return the numbers of the worlds with these values and outcomes."""
    return tuple(
        number
        for number, (is_value, outcomes) in enumerate(WORLDS)
        if all(
            is_value[path] in known if isinstance(known, frozenset) else is_value[path] == known
            for path, known in values
        )
        and all(outcomes[fact] is known for fact, known in facts)
    )


def meaning(state: State | Iterable[Disjunct]) -> dict[object, tuple[frozenset[object], Grade]]:
    """Which lock states each world has, each with all of its witnesses."""
    found: dict[object, tuple[frozenset[object], Grade]] = {}
    for disjunct in state:
        witnesses = frozenset(
            (key, depth, acquisition)
            for key, hold in disjunct.holds.items()
            for depth, level in enumerate(hold.levels)
            for acquisition in level
        )
        grade = disjunct.exception.grade if disjunct.exception else Grade.NEVER
        identity = disjunct.lock_identity()
        for number in worlds_of(
            frozenset(disjunct.values.items()), frozenset(disjunct.facts.items())
        ):
            old_witnesses, old_grade = found.get((number, identity), (frozenset(), Grade.NEVER))
            found[number, identity] = (old_witnesses | witnesses, max(old_grade, grade))
    return found


def contains(general: State, special: State) -> bool:
    """Whether ``general`` stands for all executions that ``special`` stands for."""
    all_of_it = meaning(general)
    return all(
        name in all_of_it and witnesses <= all_of_it[name][0] and grade <= all_of_it[name][1]
        for name, (witnesses, grade) in meaning(special).items()
    )


# One disjunct.


@LAW
@given(alike(2))
def test_merging_is_commutative(pair: tuple[Disjunct, ...]) -> None:
    a, b = pair
    assert join_disjuncts(a, b) == join_disjuncts(b, a)


@LAW
@given(alike(3))
def test_merging_is_associative(three: tuple[Disjunct, ...]) -> None:
    a, b, c = three
    assert join_disjuncts(join_disjuncts(a, b), c) == join_disjuncts(a, join_disjuncts(b, c))


@LAW
@given(alike(1))
def test_merging_is_idempotent(one: tuple[Disjunct, ...]) -> None:
    (a,) = one
    assert join_disjuncts(a, a) == a


@LAW
@given(alike(2))
def test_merging_gives_an_upper_bound(pair: tuple[Disjunct, ...]) -> None:
    a, b = pair
    joined = join_disjuncts(a, b)
    assert joined.identity() == a.identity()
    assert joined.covers(a)
    assert joined.covers(b)


@LAW
@given(any_disjunct(), any_disjunct())
def test_what_is_covered_adds_nothing(a: Disjunct, b: Disjunct) -> None:
    if a.covers(b):
        assert contains(State([a]), State([b]))


# States.


@LAW
@given(small_states, small_states)
def test_join_is_commutative(a: State, b: State) -> None:
    assert meaning(a.join(b)) == meaning(b.join(a))


@LAW
@given(small_states, small_states, small_states)
def test_join_is_associative(a: State, b: State, c: State) -> None:
    assert meaning(a.join(b).join(c)) == meaning(a.join(b.join(c)))


@LAW
@given(small_states)
def test_join_is_idempotent_and_returns_the_same_object(a: State) -> None:
    assert a.join(a) is a
    assert a.join(State(a)) is a


@LAW
@given(small_states)
def test_the_empty_state_is_neutral(a: State) -> None:
    assert a.join(State()) is a
    assert State().join(a) == a


@LAW
@given(small_states, small_states)
def test_order_agrees_with_join(a: State, b: State) -> None:
    joined = a.join(b)
    assert contains(joined, a)
    assert contains(joined, b)
    assert joined.join(a) is joined
    assert joined.join(b) is joined
    assert (joined is a) == (a.join(b) == a)


@LAW
@given(st.lists(any_disjunct(), max_size=12))
def test_a_state_says_no_more_and_no_less_than_its_parts(members: list[Disjunct]) -> None:
    assert meaning(State(members)) == meaning(members)


@LAW
@given(disjuncts(), st.sampled_from(FACTS), st.sampled_from(VARIABLES))
def test_alternatives_that_only_differ_in_what_both_may_be_are_one(
    one: Disjunct, fact: Fact, variable: AccessPath
) -> None:
    values = {key: value for key, value in one.values.items() if key != variable}
    facts = {key: value for key, value in one.facts.items() if key != fact}
    tested = [one.with_values(values, {**facts, fact: outcome}) for outcome in (True, False)]
    assert [each.facts for each in State(tested)] == [facts]
    known = [
        one.with_values({**values, variable: Constant(value)}, facts) for value in (True, None)
    ]
    assert [each.values for each in State(known)] == [
        {**values, variable: frozenset((Constant(True), Constant(None)))}
    ]
    special = [*tested, one.with_values(values, facts)]
    assert [each.facts for each in State(special)] == [facts]


@LAW
@given(small_states, small_states, small_states)
def test_join_is_monotone(a: State, b: State, c: State) -> None:
    assume(len(a) + len(b) + len(c) <= MAX_DISJUNCTS)
    assert contains(a.join(b).join(c), a.join(c))


# At the bound.


@LAW
@given(st.integers(1, 5))
def test_beyond_the_bound_nothing_is_concluded(bound: int) -> None:
    members = [
        EMPTY.with_hold(LockKey(AccessPath(f"lock{number}")), Hold(1, (frozenset(),)))
        for number in range(bound)
    ]
    assert len(State(members, bound)) == bound
    with pytest.raises(GivenUp) as caught:
        State([*members, EMPTY], bound)
    assert caught.value.reason is Reason.TOO_MANY_STATES


many = st.lists(any_disjunct(), min_size=12, max_size=24)
SLOW = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # Shrinking so many disjuncts takes minutes.
)


@SLOW
@given(many)
def test_adding_the_same_disjuncts_for_ever_comes_to_rest(members: list[Disjunct]) -> None:
    state = State()
    for _ in range(4):
        before = state
        for member in members:
            joined = state.join(State([member]))
            assert contains(joined, state)
            state = joined
        if state is before:
            return
    raise AssertionError("the state still changes in the fourth round")


# What is known of one lock.


@LAW
@given(any_disjunct(), st.sampled_from(KEYS), holds)
def test_changing_one_lock_leaves_the_other(disjunct: Disjunct, key: LockKey, hold: Hold) -> None:
    changed = disjunct.with_hold(key, hold)
    assert changed.hold(key) == hold
    for other in KEYS:
        if other != key:
            assert changed.hold(other) == disjunct.hold(other)
    assert (changed.values, changed.facts) == (disjunct.values, disjunct.facts)


@LAW
@given(any_disjunct())
def test_equal_identity_means_that_each_covers_the_other_but_for_witnesses(
    disjunct: Disjunct,
) -> None:
    leaks = disjunct.exception is not None
    bare = {
        key: replace(
            hold,
            levels=(
                hold.levels if leaks and hold.count > 0 else tuple(frozenset() for _ in hold.levels)
            ),
            where=None,
        )
        for key, hold in disjunct.holds.items()
    }
    values, facts, deferred = disjunct.values, disjunct.facts, disjunct.deferred
    without = Disjunct(bare, values, facts, deferred, disjunct.order, disjunct.exception)
    assert without.identity() == disjunct.identity()


def test_the_state_at_entry_holds_nothing() -> None:
    assert [EMPTY.hold(key).count for key in KEYS] == [0, 0]
    assert contains(State([EMPTY]), State([EMPTY]))


# The grades and witnesses of exceptions.

in_flight = st.builds(
    InFlight, st.just(Flow.ERROR), st.none(), grades, st.builds(Cause, spans, st.sampled_from("ab"))
)


@LAW
@given(in_flight, in_flight, in_flight)
def test_the_better_witness_is_a_choice_that_knows_no_order(
    a: InFlight, b: InFlight, c: InFlight
) -> None:
    assert a.better(b) in (a, b)
    assert a.better(b) == b.better(a)
    assert a.better(b).better(c) == a.better(b.better(c))
    assert a.better(b).grade is max(a.grade, b.grade)
