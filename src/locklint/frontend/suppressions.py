"""Comments in analysed code that suppress findings.

- ``# locklint: ignore[LCK101, unchecked-acquire] reason`` on a line, on the last line of a
  statement of several lines, or on a line of its own above a statement;
- ``# locklint: file-ignore[LCK101] reason`` anywhere in a file;
- ``# locklint: disable[LCK101]`` up to ``# locklint: enable[LCK101]`` or the end of the file;
- ``# noqa: LCK101``, as other linters write it.

The brackets hold codes, beginnings of codes, or names; without brackets all rules are meant, unless
a code follows (``ignore LCK101``) or the name of a rule, which is a mistake. A ``# noqa`` without
codes is left to the linters that it was written for. Comments that look like one of these and
cannot be read are kept, to be reported.
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
    from collections.abc import Collection, Iterator, Mapping

# `noqa` is for the codes of all linters; those of others are none of our business.
MENTION = re.compile(r"locklint|lck\d", re.IGNORECASE)
_CODES = r"LCK\d{1,3}(?:[,\s]+LCK\d{1,3})*(?![\w-])"
PRAGMA = re.compile(
    r"#\s*locklint\s*:\s*(?P<kind>file-ignore|ignore|disable|enable)(?![\w-])"
    r"\s*+(?:[:=]\s*+)?+(?:\[(?P<selectors>[^\]#]*)\]"
    rf"|\(?+\s*+(?P<codes>{_CODES})\s*+\)?+|(?!\[))(?P<reason>[^#]*)"
)
NOQA = re.compile(
    r"#\s*noqa\s*:\s*(?P<selectors>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)(?P<reason>[^#]*)",
    re.IGNORECASE,
)
# The rules that judge the comments themselves.
ABOUT_SUPPRESSIONS = frozenset({"LCK902", "LCK903"})
CODE_OR_PREFIX = re.compile(r"LCK\d{0,3}", re.IGNORECASE)

# Words that begin a pragma, in locklint's spelling and in those of other tools.
_NAMES_OF_KINDS = frozenset({"ignore", "file-ignore", "disable", "enable"})
_KINDS = {
    "ignore": "ignore",
    "file-ignore": "file-ignore",
    "disable": "disable",
    "enable": "enable",
    "disable-line": "ignore",
    "disable-next": "ignore",
    "disable-next-line": "ignore",
    "ignore-line": "ignore",
    "ignore-next-line": "ignore",
    "noqa": "ignore",
    "nolint": "ignore",
    "skip": "ignore",
    "suppress": "ignore",
    "file-disable": "file-ignore",
    "ignore-file": "file-ignore",
    "skip-file": "file-ignore",
}
_ADDRESSED = re.compile(
    r"# ?locklint(?![\w/])(?P<colon> ?:)?[ .:=-]*+"
    r"(?P<word>(?!LCK\d)[a-z]+(?:[_-][a-z]+)*)?(?P<rest>.*)",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"# ?(?!locklint\b)(?:(?P<tool>[\w-]++) ?: ?)?"
    r"(?P<word>noqa\b|(?:file-ignore|ignore|disable|enable)(?= ?[=\[]))"
    r"(?P<rest> ?[:=]? ?[\[(]? ?LCK\d.*)",
    re.IGNORECASE,
)
_RULES_FOLLOW = re.compile(
    rf" ?[:=]? ?(?:\[(?P<bracketed>[^\]]*)\]|[\[({{<]? ?(?P<codes>{_CODES})|\[ ?(?P<name>[\w-]+))",
    re.IGNORECASE,
)
_RULE_NAME = r"[a-z]+(?:-[a-z]+)++"
_BARE_NAMES = re.compile(rf"\(?\s*({_RULE_NAME}(?:\s*,\s*{_RULE_NAME})*+)")
_MOST_SHOWN = 60
_LIKENESS = 0.75
_LIKENESS_OF_NAMES = 0.8

_LAYOUT = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


class PragmaKind(Enum):
    """Kinds of comments to locklint."""

    IGNORE = "ignore"
    FILE_IGNORE = "file-ignore"
    DISABLE = "disable"
    ENABLE = "enable"
    NOQA = "noqa"


class Pragma(msgspec.Struct, frozen=True):
    """A comment to locklint.

    ``selectors`` are codes, prefixes or names as written, None for all rules. ``line`` is the line
    of the comment, ``column`` and ``end_column`` bound it there; an ``ignore`` or ``noqa`` applies
    from ``first_line`` to ``last_line``, both included.
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
        """Return the place of the comment."""
        return Span(self.line, self.column, self.line, self.end_column)

    @property
    def is_blanket(self) -> bool:
        """Return whether it suppresses all rules."""
        return self.kind is not PragmaKind.ENABLE and (
            self.selectors is None or "ALL" in self.selectors
        )

    def matching(self, code: str, name: str) -> tuple[str, ...]:
        """Return those of its selectors that match a rule; an empty text means all rules.

        The rules about suppressions themselves have to be selected expressly; otherwise a blanket
        comment would suppress the finding about it.
        """
        selectors = ("",) if self.selectors is None else self.selectors
        if code in ABOUT_SUPPRESSIONS:
            selectors = tuple(each for each in selectors if each not in ("", "ALL"))
        return tuple(each for each in selectors if not each or _names(each, code, name))

    def matches(self, code: str, name: str) -> bool:
        """Return whether this comment is about a rule."""
        return bool(self.matching(code, name))


class Unread(msgspec.Struct, frozen=True):
    """A comment that is meant to suppress and cannot be read: its place, its text, the right one.

    ``spelling`` lacks the brackets where the comment names no rule.
    """

    span: Span
    written: str
    spelling: str


class Suppressions(msgspec.Struct, frozen=True, dict=True):
    """All comments to locklint in one file, in the order of the text.

    ``unread`` are those that are meant to suppress and cannot be read.
    """

    pragmas: tuple[Pragma, ...] = ()
    unread: tuple[Unread, ...] = ()

    def find(self, code: str, name: str, line: int) -> Pragma | None:
        """Return the comment that suppresses a rule's finding on a line, or None."""
        return next(iter(self.find_all(code, name, line)), None)

    def find_all(self, code: str, name: str, line: int) -> tuple[Pragma, ...]:
        """Return all comments each of which suppresses a rule's finding on a line."""
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


def parse_suppressions(text: str, names: Collection[str] = ()) -> Suppressions:
    """Return all comments to locklint in a file's text, whose lines end in ``\\n``.

    ``names`` are those of the rules: a comment that has one of them without brackets suppresses
    nothing, and is not mistaken for one that suppresses everything. Text that is not Python gives
    what a search line by line finds; nothing is raised.
    """
    # All matches of `MENTION` contain one of these words. Most files have neither, and looking for
    # words takes a tenth of the time.
    small = text.lower()
    if ("locklint" not in small and "lck" not in small) or not MENTION.search(text):
        return Suppressions()
    unread: list[Unread] = []
    try:
        found = sorted(_from_tokens(text, names, unread), key=lambda pragma: pragma.line)
    except (tokenize.TokenError, SyntaxError, ValueError):
        # Text may look like a comment: it is not reported as a bad one.
        return Suppressions(tuple(_from_lines(text, names)))
    return Suppressions(tuple(found), tuple(unread))


def _from_tokens(text: str, names: Collection[str], unread: list[Unread]) -> Iterator[Pragma]:
    """Return pragmas of real comments, each with the lines to which it applies; not in order.

    Comments that are meant to be pragmas and are none are added to ``unread``.
    """
    within: list[Pragma] = []  # Beside the lines of the statement that is being read.
    above: list[Pragma] = []  # On lines of their own before the next statement.
    first_line = 0  # Of the statement that is being read; 0 between statements.
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            unread += _unread_in(token.string, names, *token.start)
            for pragma in _in_comment(token.string, names, *token.start):
                if first_line:
                    within.append(pragma)
                elif pragma.kind is PragmaKind.IGNORE:
                    above.append(pragma)
                else:
                    yield pragma
        elif token.type == tokenize.NEWLINE:
            last_line = token.start[0]
            for pragma in within:
                # A comment after the last line of a statement applies to all of its lines.
                start = first_line if pragma.line == last_line else pragma.line
                yield replace(pragma, first_line=start)
            for pragma in above:
                yield replace(pragma, first_line=first_line, last_line=last_line)
            within, above, first_line = [], [], 0
        elif token.type not in _LAYOUT and not first_line:
            first_line = token.start[0]
    yield from within
    yield from above


def _from_lines(text: str, names: Collection[str]) -> Iterator[Pragma]:
    for number, line in enumerate(text.split("\n"), start=1):
        if "#" in line:
            yield from _in_comment(line, names, number)


def _in_comment(
    comment: str, names: Collection[str], line: int, before: int = 0
) -> Iterator[Pragma]:
    """The pragmas of a comment, or of a whole line, with so many characters in front of it."""
    for match in PRAGMA.finditer(comment):
        if _is_empty(match) or _bare_names(match, names):
            continue
        selectors = match["codes"] if match["selectors"] is None else match["selectors"]
        yield Pragma(
            PragmaKind(match["kind"]),
            None if selectors is None else _split(selectors),
            match["reason"].strip(" \t:,-"),
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
            match["reason"].strip(" \t:,-"),
            line,
            line,
            line,
            before + match.start() + 1,
            before + match.start() + len(match[0].rstrip()) + 1,
        )


def _unread_in(comment: str, names: Collection[str], line: int, before: int) -> Iterator[Unread]:
    """The parts of a comment, from one ``#`` to the next, that look like pragmas and are none."""
    place = before
    for part in comment.split("#")[1:]:
        column, place = place + 1, place + 1 + len(part)
        if not MENTION.search(part):
            continue
        written = f"#{part}".rstrip()
        pragma = PRAGMA.match(written)
        bare = _bare_names(pragma, names) if pragma is not None else ()
        if NOQA.match(written) if pragma is None else not (bare or _is_empty(pragma)):
            continue
        text = " ".join(written.split())
        spelling = f"{pragma['kind']}[{', '.join(bare)}]" if pragma and bare else _meant(text)
        if spelling is not None:
            shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
            span = Span(line, column, line, column + len(written))
            yield Unread(span, shown.replace("`", "'"), f"# locklint: {spelling}")


def _is_empty(pragma: re.Match[str]) -> bool:
    return pragma["selectors"] is not None and not _split(pragma["selectors"])


def _bare_names(pragma: re.Match[str], names: Collection[str]) -> tuple[str, ...]:
    """The names of rules, be they misspelt, that follow a pragma without brackets."""
    found = _BARE_NAMES.match(pragma["reason"]) if names else None
    if found is None or pragma["selectors"] is not None or pragma["codes"] is not None:
        return ()
    from difflib import get_close_matches

    meant = [get_close_matches(each, names, 1, _LIKENESS_OF_NAMES) for each in _split(found[1])]
    return tuple(dict.fromkeys(name for each in meant for name in each))


def _meant(text: str) -> str | None:
    """The pragma that a comment is meant to be, without ``# locklint:``; None for other comments.

    Prose about locklint is no pragma: after a word that is no misspelt one, or without a colon
    after locklint's name, there must be a rule or nothing.
    """
    found = _FOREIGN.match(text)
    if found:
        word = found["word"].casefold()
        # A `noqa` after the name of a tool is for the whole file, in ruff and flake8.
        for_file = word == "noqa" and found["tool"]
        return _spelled("file-ignore" if for_file else _KINDS[word], found["rest"])
    found = _ADDRESSED.match(text)
    if not found:
        return None
    word, rest = (found["word"] or "").casefold(), found["rest"]
    names_rules = _RULES_FOLLOW.match(rest) is not None
    known = _known_word(word)
    if known is None:
        is_meant = names_rules and (found["colon"] or not word)
        return _spelled("ignore", rest) if is_meant else None
    is_near = known in _NAMES_OF_KINDS and found["colon"]
    if names_rules or is_near or not rest.strip(" .:;-"):
        return _spelled(_KINDS[known], rest)
    return None


def _known_word(word: str) -> str | None:
    """The word for a pragma that a word is, or was meant to be."""
    if word in _KINDS:
        return word
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, _KINDS, 1, _LIKENESS)), None)


def _spelled(kind: str, rest: str) -> str:
    """A pragma of a kind with the rules that follow in a comment."""
    found = _RULES_FOLLOW.match(rest)
    rules = _split(found["bracketed"] or found["codes"] or found["name"] or "") if found else ()
    return f"{kind}[{', '.join(rules)}]" if rules else kind


def _split(selectors: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^,\s]+", selectors))


def _names(selector: str, code: str, name: str) -> bool:
    if CODE_OR_PREFIX.fullmatch(selector):
        return code.startswith(selector.upper())
    return selector in (name, "ALL")
