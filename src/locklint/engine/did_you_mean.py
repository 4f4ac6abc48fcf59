"""Suggestions for words that were mistyped."""

from __future__ import annotations

from collections.abc import Iterable

# Of difflib's ratio; below it two words are not alike.
LIKENESS = 0.6


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that looks most like ``word`` whatever the case, or None if none does.

    Of candidates that are equally like it, one that begins alike is taken, then the first.
    """
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(b=word.casefold())
    best, best_score = None, (LIKENESS, -1)
    for candidate in candidates:
        matcher.set_seq1(candidate.casefold())
        if matcher.real_quick_ratio() < best_score[0]:
            continue
        score = (matcher.ratio(), _common_beginning(candidate.casefold(), word.casefold()))
        if score > best_score:
            best, best_score = candidate, score
    return best


def _common_beginning(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A clause to put behind an error message: empty, or `` (did you mean `x`?)``."""
    match = closest(word, candidates)
    return f" (did you mean `{match}`?)" if match else ""
