"""Comments in analysed code that tell locklint to keep silent.

- ``# locklint: ignore[LCK101, unchecked-acquire] reason`` on a line, on the last line of a
  statement of several lines, or on a line of its own above a statement;
- ``# locklint: file-ignore[LCK101] reason`` anywhere in a file;
- ``# locklint: disable[LCK101]`` up to ``# locklint: enable[LCK101]`` or the end of the file;
- ``# noqa: LCK101``, as other linters write it.

In brackets stand codes, beginnings of codes, or names; without brackets all rules are meant.
A ``# noqa`` without codes is left to the linters that it was written for.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections import defaultdict
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from locklint.core.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# `noqa` is for the codes of all linters; those of others are none of our business.
MENTION = re.compile(r"locklint\s*:|noqa\s*:[^\n]*lck", re.IGNORECASE)
PRAGMA = re.compile(
    r"#\s*locklint\s*:\s*(?P<kind>file-ignore|ignore|disable|enable)(?![\w-])"
    r"\s*(?:\[(?P<selectors>[^\]#]*)\]|(?!\[))(?P<reason>[^#]*)"
)
NOQA = re.compile(
    r"#\s*noqa\s*:\s*(?P<selectors>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)(?P<reason>[^#]*)",
    re.IGNORECASE,
)
# The rules that judge the comments themselves.
ABOUT_SUPPRESSIONS = frozenset({"LCK902", "LCK903"})
CODE_OR_PREFIX = re.compile(r"LCK\d{0,3}", re.IGNORECASE)

_LAYOUT = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


class PragmaKind(Enum):
    """What a comment asks for."""

    IGNORE = "ignore"
    FILE_IGNORE = "file-ignore"
    DISABLE = "disable"
    ENABLE = "enable"
    NOQA = "noqa"


class Pragma(msgspec.Struct, frozen=True):
    """One comment to locklint.

    ``selectors`` are codes, prefixes or names as written, None for all rules. ``line`` is where
    the comment stands, ``column`` and ``end_column`` bound it there; an ``ignore`` or ``noqa``
    counts from ``first_line`` to ``last_line``, both included.
    """

    kind: PragmaKind
    selectors: tuple[str, ...] | None
    reason: str
    line: int
    first_line: int
    last_line: int
    column: int = 1
    end_column: int = 1

    @property
    def span(self) -> Span:
        """Where the comment stands."""
        return Span(self.line, self.column, self.line, self.end_column)

    @property
    def is_blanket(self) -> bool:
        """Whether it silences every rule there is."""
        return self.kind is not PragmaKind.ENABLE and (
            self.selectors is None or "ALL" in self.selectors
        )

    def matching(self, code: str, name: str) -> tuple[str, ...]:
        """Those of its selectors that speak of a rule; an empty text stands for all rules.

        The rules about suppressions themselves have to be meant expressly, else a blanket comment
        would silence the finding about it.
        """
        selectors = ("",) if self.selectors is None else self.selectors
        if code in ABOUT_SUPPRESSIONS:
            selectors = tuple(each for each in selectors if each not in ("", "ALL"))
        return tuple(each for each in selectors if not each or _names(each, code, name))

    def matches(self, code: str, name: str) -> bool:
        """Whether this comment speaks of a rule."""
        return bool(self.matching(code, name))


class Suppressions(msgspec.Struct, frozen=True, dict=True):
    """All comments to locklint in one file, in the order of the text."""

    pragmas: tuple[Pragma, ...] = ()

    def find(self, code: str, name: str, line: int) -> Pragma | None:
        """The comment that silences a rule's finding on a line, or None."""
        return next(iter(self.find_all(code, name, line)), None)

    def find_all(self, code: str, name: str, line: int) -> tuple[Pragma, ...]:
        """All comments each of which silences a rule's finding on a line."""
        found = [
            pragma
            for pragma in (*self._for_file, *self._by_line.get(line, ()))
            if pragma.matches(code, name)
        ]
        disabling = None
        for pragma in self._switches:
            if pragma.line <= line and pragma.matches(code, name):
                disabling = pragma if pragma.kind is PragmaKind.DISABLE else None
        return (*found, disabling) if disabling else tuple(found)

    @cached_property
    def _for_file(self) -> tuple[Pragma, ...]:
        return tuple(each for each in self.pragmas if each.kind is PragmaKind.FILE_IGNORE)

    @cached_property
    def _switches(self) -> tuple[Pragma, ...]:
        kinds = (PragmaKind.DISABLE, PragmaKind.ENABLE)
        return tuple(each for each in self.pragmas if each.kind in kinds)

    @cached_property
    def _by_line(self) -> Mapping[int, list[Pragma]]:
        lines: defaultdict[int, list[Pragma]] = defaultdict(list)
        for pragma in self.pragmas:
            if pragma.kind in (PragmaKind.IGNORE, PragmaKind.NOQA):
                for line in range(pragma.first_line, pragma.last_line + 1):
                    lines[line].append(pragma)
        return dict(lines)


def parse_suppressions(text: str) -> Suppressions:
    """All comments to locklint in a file's text, whose lines end in ``\\n``.

    Text that is not Python gives what a search line by line finds; nothing is raised.
    """
    # One of these words stands in all that `MENTION` finds. Most files have neither, and to look
    # for words takes a tenth of the time.
    small = text.lower()
    if ("locklint" not in small and "lck" not in small) or not MENTION.search(text):
        return Suppressions()
    try:
        found = sorted(_from_tokens(text), key=lambda pragma: pragma.line)
    except (tokenize.TokenError, SyntaxError, ValueError):
        found = list(_from_lines(text))
    return Suppressions(tuple(found))


def _from_tokens(text: str) -> Iterator[Pragma]:
    """Pragmas of real comments, each with the lines for which it counts; not in order."""
    within: list[Pragma] = []  # Beside the lines of the statement that is being read.
    above: list[Pragma] = []  # On lines of their own before the next statement.
    first_line = 0  # Of the statement that is being read; 0 between statements.
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            for pragma in _in_comment(token.string, token.start[0], token.start[1]):
                if first_line:
                    within.append(pragma)
                elif pragma.kind is PragmaKind.IGNORE:
                    above.append(pragma)
                else:
                    yield pragma
        elif token.type == tokenize.NEWLINE:
            last_line = token.start[0]
            for pragma in within:
                # Behind the last line of a statement a comment counts for all of its lines.
                start = first_line if pragma.line == last_line else pragma.line
                yield replace(pragma, first_line=start)
            for pragma in above:
                yield replace(pragma, first_line=first_line, last_line=last_line)
            within, above, first_line = [], [], 0
        elif token.type not in _LAYOUT and not first_line:
            first_line = token.start[0]
    yield from within
    yield from above


def _from_lines(text: str) -> Iterator[Pragma]:
    for number, line in enumerate(text.split("\n"), start=1):
        if "#" in line:
            yield from _in_comment(line, number)


def _in_comment(comment: str, line: int, before: int = 0) -> Iterator[Pragma]:
    """The pragmas of a comment, or of a whole line, with so many characters in front of it."""
    for match in PRAGMA.finditer(comment):
        selectors = match["selectors"]
        yield Pragma(
            PragmaKind(match["kind"]),
            None if selectors is None else _split(selectors),
            match["reason"].strip(" \t:-"),
            line,
            line,
            line,
            before + match.start() + 1,
            before + match.start() + len(match[0].rstrip()) + 1,
        )
    for match in NOQA.finditer(comment):
        yield Pragma(
            PragmaKind.NOQA,
            _split(match["selectors"]),
            match["reason"].strip(" \t:-"),
            line,
            line,
            line,
            before + match.start() + 1,
            before + match.start() + len(match[0].rstrip()) + 1,
        )


def _split(selectors: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^,\s]+", selectors))


def _names(selector: str, code: str, name: str) -> bool:
    if CODE_OR_PREFIX.fullmatch(selector):
        return code.startswith(selector.upper())
    return selector in (name, "ALL")
