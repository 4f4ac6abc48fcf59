"""The memory of questions: chains that are too deep, and cycles."""

from __future__ import annotations

from collections.abc import Mapping

from locklint.frontend.questions import MAX_DEPTH, Questions
from locklint.frontend.trace import Trace
from locklint.frontend.value_types import NONE, UNKNOWN, Types


class Chain(Questions):
    """Question n needs the answer of the next one, or of those that are named, up to an end."""

    def __init__(self, end: int, needs: Mapping[int, tuple[int, ...]] | None = None) -> None:
        super().__init__(Trace())
        self.end = end
        self.needs = needs or {}
        self.computed: list[int] = []

    def ask(self, number: int) -> Types:
        return self.memoised(("chain", str(number)), lambda: self._compute(number))

    def asked(self, number: int) -> Types:
        """Ask a new question."""
        self.begin()
        self.computed.clear()
        return self.ask(number)

    def _compute(self, number: int) -> Types:
        self.computed.append(number)
        if number == self.end:
            return NONE
        return tuple(
            kind for each in self.needs.get(number, (number + 1,)) for kind in self.ask(each)
        )


def test_what_nests_too_deeply_is_not_worked_out_again() -> None:
    chain = Chain(10 * MAX_DEPTH)
    assert chain.asked(0) == UNKNOWN
    assert chain.exhausted
    assert len(chain.computed) == MAX_DEPTH
    assert chain.asked(0) == UNKNOWN
    assert chain.exhausted
    assert chain.computed == []


def test_a_question_that_begins_less_deep_is_worked_out() -> None:
    chain = Chain(MAX_DEPTH + 5)
    assert chain.asked(0) == UNKNOWN
    # It was too deep as the tenth of the chain, and is not by itself.
    assert chain.asked(10) == NONE
    assert chain.computed == list(range(10, MAX_DEPTH + 6))


def test_a_result_within_the_chain_makes_it_shorter() -> None:
    chain = Chain(MAX_DEPTH + 5)
    assert chain.asked(0) == UNKNOWN
    assert chain.asked(20) == NONE
    assert chain.asked(0) == NONE
    assert chain.computed == list(range(20))


def test_a_new_fact_drops_what_was_too_deep() -> None:
    chain = Chain(10 * MAX_DEPTH)
    assert chain.asked(0) == UNKNOWN
    chain.end = 5
    assert chain.asked(0) == UNKNOWN
    chain.drop_results()
    assert chain.asked(0) == NONE


def test_a_question_has_no_answer_within_its_own() -> None:
    chain = Chain(3, {0: (1,), 1: (0, 2)})
    assert chain.asked(0) == NONE
    # The result of 1 within 0 rests on the cut, and is not kept.
    assert chain.asked(1) == NONE + NONE
    assert chain.computed == [1]
    assert chain.asked(1) == NONE + NONE
    assert chain.computed == []
