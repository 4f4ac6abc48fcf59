"""Writes comments that suppress findings into their files.

Nothing of a file but comments is changed: encoding, line ends and layout stay. A comment goes to
the end of the finding's line where there is room for one, else to the end of the statement; codes
are put into a comment that is there already. The new text is compared with the old one before it is
written, and left alone if it differs in more than comments.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locklint.engine.read import ReadProblem, decode, encoding_name, read_bytes
from locklint.engine.write_file import replace_file
from locklint.frontend.suppressions import PRAGMA, parse_suppressions

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import SourceFile

# Rules about files and comments themselves: a comment could not suppress them, or should not.
NEVER_ADDED = frozenset({"LCK901", "LCK902", "LCK903"})

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_NOT_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


@dataclass
class Added:
    """The number of findings that were suppressed, the files, and the problems.

    ``left`` are the findings that are not suppressed; ``failed`` says that some file could not be
    read or written.
    """

    findings: int = 0
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left: list[Diagnostic] = field(default_factory=list)
    failed: bool = False


def add_ignores(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile], reason: str = ""
) -> Added:
    """Suppress findings by comments in their files. ``reason`` follows the codes.

    ``sources`` are the texts that were analysed, by path; a file with another text is left alone.
    Raise `ValueError` for a reason that a comment cannot hold.
    """
    reason = reason.strip()
    if any(letter in reason for letter in "#\r\n\f"):
        raise ValueError("the reason must be one line without `#`")
    by_file: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    added = Added()
    for diagnostic in diagnostics:
        if diagnostic.code in NEVER_ADDED:
            place = f"{diagnostic.path}:{diagnostic.span.line}"
            added.problems.append(f"{place}: {diagnostic.code} cannot be suppressed by a comment")
            added.left.append(diagnostic)
        else:
            by_file[diagnostic.path].append(diagnostic)
    for path, findings in sorted(by_file.items()):
        try:
            left = _rewrite(path, findings, sources.get(path), reason)
        except (OSError, ReadProblem) as error:
            why = error.message if isinstance(error, ReadProblem) else error.strerror or str(error)
            added.problems.append(f"{path}: no comments added: {why}")
            added.left += findings
            added.failed = True
            continue
        if len(left) < len(findings):
            added.findings += len(findings) - len(left)
            added.files.append(path)
        if left:
            what = "1 finding" if len(left) == 1 else f"{len(left)} findings"
            added.problems.append(f"{path}: {what} cannot be suppressed by a comment")
            added.left += left
    return added


def _rewrite(
    path: str, findings: Sequence[Diagnostic], analysed: SourceFile | None, reason: str
) -> list[Diagnostic]:
    """Write comments into one file; return the findings that they do not suppress."""
    if analysed is not None and analysed.cells:
        raise ReadProblem("it is a notebook")
    data = read_bytes(path)
    old = decode(data)
    # The analysis may have seen standard input, an index, or what the file held a while ago.
    if analysed is None or old != analysed.text:
        raise ReadProblem("its text is not the one that was analysed")
    codec = encoding_name(data)
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = data[len(mark) :].decode(codec)
    changed = with_ignores(text, findings, reason)
    new = changed.replace("\r\n", "\n").replace("\r", "\n")
    try:
        encoded = mark + changed.encode(codec)
    except UnicodeEncodeError:
        raise ReadProblem(f"the reason cannot be written in the file's encoding, {codec}") from None
    if _code(old) is None or _code(old) != _code(new) or decode(encoded) != new:
        return list(findings)
    suppressions = parse_suppressions(new)
    left = [
        each for each in findings if suppressions.find(each.code, each.name, each.span.line) is None
    ]
    if len(left) < len(findings) and encoded != data:
        replace_file(os.fspath(path), encoded)
    return left


def with_ignores(text: str, findings: Iterable[Diagnostic], reason: str = "") -> str:
    """Return the text of a file with comments that suppress findings; keep its line ends."""
    lines = _LINES.findall(text)
    ends = _comment_lines("".join(_without_end(line) + "\n" for line in lines))
    codes: defaultdict[int, set[str]] = defaultdict(set)
    for finding in findings:
        codes[ends.get(finding.span.line, finding.span.line)].add(finding.code)
    for number, wanted in codes.items():
        if 1 <= number <= len(lines):
            line = lines[number - 1]
            body = _without_end(line)
            lines[number - 1] = _commented(body, wanted, reason) + line[len(body) :]
    return "".join(lines)


def _without_end(line: str) -> str:
    return line.rstrip("\r\n")


def _commented(line: str, codes: set[str], reason: str) -> str:
    """The line with a comment, or with more codes in the comment that it has."""
    for match in PRAGMA.finditer(line):
        written = "codes" if match["selectors"] is None else "selectors"
        if match["kind"] == "ignore" and match[written] is not None:
            there = re.findall(r"[^,\s]+", match[written])
            more = [code for code in sorted(codes) if code not in there]
            selectors = ", ".join([*there, *more])
            return line[: match.start(written)] + selectors + line[match.end(written) :]
    comment = f"# locklint: ignore[{', '.join(sorted(codes))}]"
    return f"{line.rstrip()}  {comment}{f' {reason}' if reason else ''}"


def _comment_lines(text: str) -> dict[int, int]:
    """Return, for each line that cannot end in a comment, the line where the comment goes.

    Such lines end within a string or in a backslash. Text that is not Python gives nothing.
    """
    closed: dict[int, int] = {}
    within: set[int] = set()
    continued = {
        number
        for number, line in enumerate(text.split("\n"), start=1)
        if line.rstrip(" \t\f").endswith("\\")
    }
    try:
        first = 0
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if not first and token.type not in _NOT_CODE:
                first = token.start[0]
            if token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT):
                within.update(range(token.start[0], token.end[0]))
            if token.type == tokenize.NEWLINE:
                last = token.start[0]
                for number in range(first, last):
                    if number in within or number in continued:
                        closed[number] = last
                first, within = 0, set()
    except (tokenize.TokenError, SyntaxError, ValueError):
        return {}
    return closed


def _code(text: str) -> list[tuple[int, str]] | None:
    """Return the tokens of a text without comments and layout. Return None if it is not Python."""
    try:
        return [
            (token.type, token.string)
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in (tokenize.COMMENT, tokenize.NL)
        ]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
