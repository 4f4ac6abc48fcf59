"""Places in a TOML file. Only errors need them, since `tomllib` keeps no places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_MOST_WORK = 300_000
"""The number of characters that are parsed in vain before the search ends."""


class Origin(NamedTuple):
    """The source of settings: a name for messages and, for a file, its text.

    ``table`` are the keys that lead to the table of the settings in the document.
    """

    name: str
    text: str = ""
    table: tuple[str, ...] = ()

    def at(self, *keys: str, word: str = "") -> str:
        """The name, with line and column of a word in a setting or of the setting, if known."""
        place = self.place(*keys, word=word) or self.place(*keys)
        return self.name if place is None else f"{self.name}:{place[0]}:{place[1]}"

    def place(self, *keys: str, word: str = "") -> tuple[int, int] | None:
        """Return the line and column of a setting, or of a word in it, or None if not in it.

        A word that is written with escapes is not found.
        """
        return find_place(self.text, (*self.table, *keys), word) if self.text else None


class _Statement(NamedTuple):
    """A header or a key with its value: its 0-based first line, its text, and what it says."""

    line: int
    text: str
    header: tuple[str, ...]
    values: dict[str, Any]


def find_place(text: str, keys: Sequence[str], word: str = "") -> tuple[int, int] | None:
    """Return the 1-based line and column of a key, or of a word in its value, or None.

    ``keys`` lead to it from the top of the document.
    """
    wanted = tuple(keys)
    pattern = re.compile(rf"(?<![\w.]){re.escape(word)}(?![\w.])") if word else _key(wanted[-1])
    for statement in _statements(text):
        if not _sets(statement, wanted):
            continue
        match = pattern.search(statement.text)
        if match is None and word:
            continue
        offset = match.start() if match else 0
        before = statement.text[:offset]
        return statement.line + before.count("\n") + 1, offset - before.rfind("\n")
    return None


def _key(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")


def _sets(statement: _Statement, wanted: tuple[str, ...]) -> bool:
    """Return whether a statement is the header of a table or says what the value of a key is."""
    header = statement.header
    if not statement.values:
        return header[: len(wanted)] == wanted
    if wanted[: len(header)] != header:
        return False
    node: Any = statement.values
    for key in wanted[len(header) :]:
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True


def _statements(text: str) -> Iterator[_Statement]:
    lines = text.removeprefix("\ufeff").splitlines()
    header: tuple[str, ...] = ()
    start = work = 0
    while start < len(lines):
        stripped = lines[start].strip()
        if not stripped or stripped.startswith("#"):
            start += 1
            continue
        if stripped.startswith("["):
            header = _path(_parsed(stripped) or {})
            yield _Statement(start, lines[start], header, {})
            start += 1
            continue
        end = start + 1
        while (values := _parsed("\n".join(lines[start:end]))) is None and end < len(lines):
            work += sum(map(len, lines[start:end]))
            if work > _MOST_WORK:
                return  # Trying once more for each line of a long list takes too long.
            end += 1
        yield _Statement(start, "\n".join(lines[start:end]), header, values or {})
        start = end


def _parsed(text: str) -> dict[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _path(table: Any) -> tuple[str, ...]:
    """The keys of a header such as ``[a.b]`` or ``[[a.b]]``."""
    keys: list[str] = []
    while table:
        if isinstance(table, list):
            table = table[0]
            continue
        ((key, table),) = table.items()
        keys.append(key)
    return tuple(keys)
