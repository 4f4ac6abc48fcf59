"""Suggestions for words that were mistyped."""

from __future__ import annotations

from collections.abc import Iterable

# Of difflib's ratio; below it two words are not alike.
LIKENESS = 0.6
# Two words that are shorter may both be meant, though they differ in one letter only.
SHORTEST = 4


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that looks most like ``word`` in any case, or None if none does.

    Of candidates that are equally like it, one with the same beginning is chosen, then the first.
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


def is_slip(word: str, other: str) -> bool:
    """Return whether a dotted name is another one with a slip of the pen in one of its parts.

    That is stricter than likeness. Names that differ on purpose often differ in a digit, in a short
    word, or in the first letter (``rlock`` and ``wlock``).
    """
    if word.count(".") != other.count("."):
        return False
    parts = list(zip(word.split("."), other.split("."), strict=True))
    different = [(a, b) for a, b in parts if a != b]
    if len(different) != 1:
        return False
    one, two = different[0]
    if one.replace("_", "").casefold() == two.replace("_", "").casefold():
        # A name of one part has many meanings: `lock` and `_lock` may both be meant.
        return len(parts) > 1 or one.strip("_") != two.strip("_")
    words, others = one.strip("_").split("_"), two.strip("_").split("_")
    return len(words) == len(others) and all(map(_is_slip_in_word, words, others))


def _is_slip_in_word(one: str, two: str) -> bool:
    """Return whether words are equal or one letter is wrong, missing, added or changed places."""
    one, two = one.casefold(), two.casefold()
    if one == two:
        return True
    if max(len(one), len(two)) < SHORTEST or one[:1] != two[:1]:
        return False
    start = _common_beginning(one, two)
    one, two = one[start:], two[start:]
    end = _common_beginning(one[::-1], two[::-1])
    one, two = one[: len(one) - end], two[: len(two) - end]
    if any(map(str.isdigit, one + two)):
        return False
    return max(len(one), len(two)) == 1 or (len(one) == 2 and one == two[::-1])


def _common_beginning(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return a clause to append to an error message: empty, or `` (did you mean `x`?)``."""
    match = closest(word, candidates)
    return f" (did you mean `{match}`?)" if match else ""
