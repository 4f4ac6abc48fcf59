"""Decides from a file's bytes alone whether it can say anything about locks.

Most files of a project say nothing, and are not parsed. The screen keeps every file in which a lock
is made, acquired or released, and nearly all in which one is only entered: ``with self.guard:`` on
a lock that another module made under such a name is not seen, and neither is a call of a wrapper;
those files are fetched on demand by what finds the lock or the wrapper.

The obvious single expression, an alternation of words, is slow: `re` then tries every word at every
byte (18 MB/s measured on CPython 3.11). An expression that begins with three or more literal
characters, or `bytes.find`, skips through the text at 1.5 GB/s, so one search per word is ten times
as fast as one search for all words. Hence each expression below begins with the longest literal
that its words share, and looks back at the character before: ``lock`` and ``Lock`` are wanted,
``block`` and ``clock``, six times as frequent, are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from locklint.core.config import Config

if TYPE_CHECKING:
    from locklint.models.words import Words

_SEARCHES = tuple(
    re.compile(expression).search
    for expression in (
        rb"ock(?:(?<=Lock)|(?<=lock)(?<![bcBC]lock))",  # rlock, unlock, locked, filelock, flock, …
        rb"threading",
        rb"cquire",
        rb"multiprocessing",
        rb"emaphore",
        rb"LOCK(?<![BC]LOCK)",
        rb"utex(?<=[mM]utex)",
    )
)
"""The text that most names of locks and of their methods have in common."""

_ONE_WORD = re.compile("[A-Z]?[a-z]+")


def mentions_lock(data: bytes, words: Sequence[bytes] = ()) -> bool:
    """Return whether a file of these bytes is a candidate; ``words`` are further signs of one."""
    return (
        any(search(data) for search in _SEARCHES)
        or any(search(data) for search in _searches_of_tables())
        or any(word in data for word in words)
    )


@cache
def _searches_of_tables() -> tuple[Callable[[bytes], object], ...]:
    """Return searches for those words of the library models that the common ones do not find."""
    # A run whose result is cached needs no tables if nothing has changed.
    from locklint.models.words import WORDS

    return tuple([re.compile(each).search for each in expressions_of(WORDS)])


def expressions_of(words: Words) -> list[bytes]:
    """Return the expressions that find what the common ones do not.

    A kind that also has a usual name needs no other search: each search takes time. A maker with a
    name of one word has to be called, or named as an attribute or an argument: texts and other
    names have the word too. What waits and notifies does so with the lock held.
    """
    found: list[bytes] = []
    silent = [kind for kind in words.kinds if not any(map(_is_found, kind))]
    makers = {name.lstrip("_") for kind in silent for name in kind}
    for name in sorted(makers, key=lambda name: (len(name), name)):
        word = name.encode()
        if any(each in word for each in found):
            continue
        if _ONE_WORD.fullmatch(name):
            word += rb"(?:\(|(?<=[.=]" + word + rb")\b)"
        found.append(word)
    for name in sorted(words.acquiring | words.releasing):
        if not _is_found(name):
            found.append(rb"\." + name.encode() + rb"\b")
    return found


def _is_found(name: str) -> bool:
    """Return whether the common searches find a name."""
    return any(search(name.encode()) for search in _SEARCHES)


def configured_words(config: Config) -> tuple[bytes, ...]:
    """The signs of the lock types that the user declares: their names and those of their methods.

    Words that the built-in searches find anyway are left out.
    """
    names = {
        dotted.rpartition(".")[2]
        for lock_type, kind in config.lock_types.items()
        for dotted in (lock_type, *kind.acquire, *kind.release)
    }
    words = (name.encode("utf-8", "surrogateescape") for name in sorted(names))
    return tuple(word for word in words if word and not mentions_lock(b"." + word))
