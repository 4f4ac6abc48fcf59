"""The lines that have changed according to git, and the findings that involve them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locklint.engine.discover import printable_path
from locklint.engine.load_config import SettingsError

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import SourceFile

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
}
# Git sets the place of its hooks in variables that apply to one folder only; the folder is enough.
_OF_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})

_DIFF = (
    "diff",
    "--unified=0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--find-renames",
    "--ignore-submodules",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


@dataclass
class FileChanges:
    """The changes of one file.

    ``lines`` are the 1-based lines that are new or different, None for all of them; ``removals``
    the lines after which something was removed, 0 for the beginning of the file.
    """

    lines: set[int] | None = field(default_factory=set)
    removals: set[int] = field(default_factory=set)


class Changes:
    """The changed lines of a working tree, by real path."""

    def __init__(self, files: Mapping[str, FileChanges]) -> None:
        self._files = files

    def touched_by(
        self, diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile]
    ) -> tuple[Diagnostic, ...]:
        """Return the findings of which some place is on a changed line.

        The places are the finding's own, all its steps and its anchors, among which is the
        construction of its locks. If lines were removed from a function, the findings in that
        function are included, because the missing lines have no place.
        """
        return tuple(each for each in diagnostics if self._touches(each, sources))

    def _touches(self, diagnostic: Diagnostic, sources: Mapping[str, SourceFile]) -> bool:
        places = [(diagnostic.path, diagnostic.span)]
        places += [(step.path, step.span) for step in diagnostic.steps]
        for path, span in (*places, *((each.path, each.span) for each in diagnostic.anchors)):
            changes = self._of(path)
            if changes is not None and (
                changes.lines is None
                or not changes.lines.isdisjoint(range(span.line, span.end_line + 1))
            ):
                return True
        for path, span in places:
            changes = self._of(path)
            if changes is not None and changes.removals:
                first, last = _function_around(sources.get(path), span.line)
                if any(first <= line <= last for line in changes.removals):
                    return True
        return False

    def _of(self, path: str) -> FileChanges | None:
        return self._files.get(os.path.realpath(path))


def changes_since(reference: str, folder: str) -> Changes:
    """Return the differences between a revision and the working tree of a folder.

    Changes that are not committed are included, and so are files that git neither tracks nor
    ignores. If the history has forked since, the comparison is with the point of the fork. Raise
    `SettingsError`, with git's message, if there is no git, no repository or no such revision.
    """
    if reference.startswith("-") or not reference:
        raise SettingsError(f"--changed-since {reference}: not a git revision")
    top = os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\r\n"))
    found = _try_git(top, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    if found is None:
        raise SettingsError(
            f"--changed-since {reference}: no such revision in {top}"
            " (a shallow clone has only the newest ones)"
        )
    start = os.fsdecode(found.strip())
    fork = _try_git(top, "merge-base", start, "HEAD")
    if fork is not None and fork.strip():
        start = os.fsdecode(fork.split()[0])
    files: dict[str, FileChanges] = {}
    for name, changes in _hunks(_git(top, "-c", "core.quotePath=false", *_DIFF, start, "--")):
        files[_shown(top, name)] = changes
    unknown = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    for name in unknown.split(b"\0"):
        if name:
            files[_shown(top, name)] = FileChanges(None)
    return Changes(files)


def _shown(top: str, name: bytes) -> str:
    """Return the real path of a name from git, as findings would show it."""
    return printable_path(os.path.realpath(os.path.join(top, os.fsdecode(name))))


def _hunks(diff: bytes) -> Iterator[tuple[bytes, FileChanges]]:
    changes, name = FileChanges(), b""
    skip = 0  # Lines of content, which may look like anything.
    for line in diff.split(b"\n"):
        if skip and line[:1] in (b"+", b"-"):
            skip -= 1
        elif line.startswith(b"diff --git "):
            if name:
                yield name, changes
            changes, name = FileChanges(), b""
        elif line.startswith(b"+++ ") and not name:
            name = _unquoted(line[4:].rstrip(b"\t")).removeprefix(b"b/")
        elif hunk := _HUNK.match(line):
            removed, start, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            skip = removed + added
            if changes.lines is not None:
                changes.lines.update(range(start, start + added))
            if removed:
                changes.removals.add(start)
    if name and name != b"/dev/null":
        yield name, changes


def _unquoted(name: bytes) -> bytes:
    """A name as git writes it: in C's notation where it holds odd characters."""
    if not name.startswith(b'"'):
        return name

    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8)]) if code.isdigit() else _LETTERS.get(code, code)

    return _ESCAPE.sub(plain, name[1:-1])


def _function_around(source: SourceFile | None, line: int) -> tuple[int, int]:
    """The first and last line of the innermost function around a line; else of the whole file."""
    everything = (0, len(source.lines) if source else 0)
    try:
        tree = ast.parse(source.text) if source else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return everything
    best = everything
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            last = node.end_lineno or node.lineno
            if node.lineno <= line <= last and node.lineno >= best[0]:
                best = (node.lineno, last)
    return best


def _git(folder: str, *words: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", folder, "-c", "core.fsmonitor=false", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={key: value for key, value in os.environ.items() if key not in _OF_HOOKS},
        )
    except OSError as error:
        raise SettingsError(f"--changed-since: git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        why = said[0].removeprefix("fatal: ") if said else f"exit status {done.returncode}"
        raise SettingsError(f"--changed-since: git failed in {folder}: {why}")
    return done.stdout


def _try_git(folder: str, *words: str) -> bytes | None:
    try:
        return _git(folder, *words)
    except SettingsError:
        return None
