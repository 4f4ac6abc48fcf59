"""Laws of the domain of lock states, tried on random states.

The universe is small on purpose (two locks, two variables, two tests), so that states meet, and
values are drawn such that each disjunct could arise: a forgotten lock has nothing else to it, and
there is one set of acquisitions for each level.
"""

from __future__ import annotations

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from locklint.analysis.hold import (
    FORGOTTEN,
    Acquisition,
    Cause,
    Flow,
    Grade,
    Hold,
    InFlight,
    LockKey,
    Why,
)
from locklint.analysis.lockset import (
    EMPTY,
    MAX_DISJUNCTS,
    Disjunct,
    Fact,
    State,
    Value,
    join_disjuncts,
)
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.instruction import Constant

KEYS = (LockKey(AccessPath("a")), LockKey(AccessPath("b")))
VARIABLES = (AccessPath("x", (), Root.LOCAL), AccessPath("y", (), Root.LOCAL))
FACTS = tuple(Fact("truth", str(path), (path,)) for path in VARIABLES)
STACK = AccessPath("stack", (), Root.LOCAL)
SPANS = tuple(Span(line, 1, line, 9) for line in (1, 2, 3))

LAW = settings(max_examples=60, deadline=None, derandomize=True, database=None)

spans = st.sampled_from(SPANS)
grades = st.sampled_from((Grade.ACQUIRE, Grade.UNLIKELY, Grade.LIKELY, Grade.CERTAIN))
acquisitions = st.builds(Acquisition, spans, st.just("acquire"))
levels = st.frozensets(acquisitions, min_size=1, max_size=2)
values: st.SearchStrategy[Value] = st.sampled_from(
    (Constant(True), Constant(False), Constant(None), VARIABLES[0])
)
kinds = st.sampled_from(((Flow.ERROR, None), (Flow.ERROR, "ValueError"), (Flow.CANCEL, None)))


@st.composite
def held(draw: st.DrawFn) -> Hold:
    """A lock that this function holds, or has given back, or never had."""
    count = draw(st.integers(-1, 2))
    why = draw(st.sampled_from((None, *Why))) if count <= 0 else None
    return Hold(
        count=count,
        levels=tuple(draw(levels) for _ in range(max(count, 0))),
        free_at=draw(st.sampled_from([None, 0, 1])),
        why=why,
        where=draw(spans) if why else None,
        handed_over=draw(st.booleans()),
    )


holds = st.one_of(st.just(FORGOTTEN), held(), held())


@st.composite
def disjuncts(draw: st.DrawFn, kind: tuple[Flow, str | None] | None = None) -> Disjunct:
    """A disjunct; ``kind``: of the exception in flight."""
    exception = None
    if kind is not None:
        cause = Cause(draw(spans), "call()")
        exception = InFlight(kind[0], kind[1], draw(grades), cause)
    return Disjunct(
        holds=draw(st.dictionaries(st.sampled_from(KEYS), holds)),
        values=draw(st.dictionaries(st.sampled_from(VARIABLES), values)),
        facts=draw(st.dictionaries(st.sampled_from(FACTS), st.booleans())),
        deferred={},
        order=draw(st.sampled_from(((), KEYS[:1], KEYS, KEYS[::-1]))),
        exception=exception,
    )


@st.composite
def alike(draw: st.DrawFn, count: int) -> tuple[Disjunct, ...]:
    """Disjuncts that may be merged: the same kind of exception and the same clean-ups waiting."""
    kind = draw(st.one_of(st.none(), kinds))
    deferred = draw(st.sampled_from(({}, {STACK: KEYS[:1]}, {STACK: KEYS})))
    drawn = [draw(disjuncts(kind)).with_deferred(deferred) for _ in range(count)]
    first = drawn[0].exception
    if first is None:
        return tuple(drawn)
    # What hardly ever happens is kept apart from what does.
    return tuple(
        one
        if one.exception is None or one.exception.identity() == first.identity()
        else one.with_exception(replace(one.exception, grade=first.grade))
        for one in drawn
    )


@st.composite
def any_disjunct(draw: st.DrawFn) -> Disjunct:
    """A disjunct with any exception, or none, in flight."""
    return draw(disjuncts(draw(st.one_of(st.none(), kinds))))


small_states = st.lists(any_disjunct(), max_size=MAX_DISJUNCTS // 3).map(State)


def covers_hold(general: Hold, special: Hold) -> bool:
    """Whether all that ``general`` says of a lock is true where ``special`` is."""
    if general.forgotten:
        return True
    return (
        not special.forgotten
        and general.count == special.count
        and len(general.levels) == len(special.levels)
        and all(s <= g for g, s in zip(general.levels, special.levels, strict=True))
        and general.free_at in (None, special.free_at)
        and general.why in (None, special.why)
        and special.handed_over <= general.handed_over
    )


def covers(general: Disjunct, special: Disjunct) -> bool:
    """Whether all that ``general`` says is true of the executions that ``special`` stands for."""
    keys = {*general.holds, *special.holds}
    return (
        all(covers_hold(general.hold(key), special.hold(key)) for key in keys)
        and general.values.items() <= special.values.items()
        and general.facts.items() <= special.facts.items()
        and general.exception_identity() == special.exception_identity()
    )


def contains(general: State, special: State) -> bool:
    """Whether ``general`` stands for all executions that ``special`` stands for."""
    return all(any(covers(g, s) for g in general) for s in special)


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
    assert covers(joined, a)
    assert covers(joined, b)


@LAW
@given(alike(2))
def test_merging_with_what_covers_it_changes_nothing_that_is_said(
    pair: tuple[Disjunct, ...],
) -> None:
    a, b = pair
    general = join_disjuncts(a, b)
    assert join_disjuncts(general, a).identity() == general.identity()


@LAW
@given(alike(2))
def test_a_lock_on_which_merged_disjuncts_disagree_is_forgotten(pair: tuple[Disjunct, ...]) -> None:
    a, b = pair
    joined = join_disjuncts(a, b)
    for key in KEYS:
        if a.hold(key).forgotten or a.hold(key).count != b.hold(key).count:
            assert joined.hold(key) == FORGOTTEN


# States.


@LAW
@given(small_states, small_states)
def test_join_is_commutative(a: State, b: State) -> None:
    assert a.join(b) == b.join(a)


@LAW
@given(small_states, small_states, small_states)
def test_join_is_associative(a: State, b: State, c: State) -> None:
    assert a.join(b).join(c) == a.join(b.join(c))


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
@given(small_states, small_states, small_states)
def test_join_is_monotone(a: State, b: State, c: State) -> None:
    assume(len(a) + len(b) + len(c) <= MAX_DISJUNCTS)
    assert contains(a.join(b).join(c), a.join(c))


# At the bound.

many = st.lists(any_disjunct(), min_size=MAX_DISJUNCTS, max_size=2 * MAX_DISJUNCTS)
SLOW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # Shrinking so many disjuncts takes minutes.
)


@SLOW
@given(many, st.integers(1, MAX_DISJUNCTS))
def test_the_bound_is_respected(members: list[Disjunct], bound: int) -> None:
    state = State(members, bound)
    kinds_of_exception = {member.exception_identity() for member in members}
    assert len(state) <= max(bound, len(kinds_of_exception))


@SLOW
@given(many, st.integers(1, MAX_DISJUNCTS), st.randoms(use_true_random=False))
def test_merging_at_the_bound_loses_no_execution_and_knows_no_order(
    members: list[Disjunct], bound: int, random: object
) -> None:
    state = State(members, bound)
    assert contains(state, State(members, len(members)))
    random.shuffle(members)  # type: ignore[attr-defined]
    assert State(members, bound) == state


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
    bare = {
        key: replace(hold, levels=tuple(frozenset() for _ in hold.levels), where=None)
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
