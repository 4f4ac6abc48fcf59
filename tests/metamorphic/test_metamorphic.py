"""Each program of the Markdown suites keeps its findings under a change that must not matter.

The changes take turns over every fourth program; ``python -m tests.metamorphic`` tries all of them
on each.
"""

from __future__ import annotations

import pytest

from locklint.core.config import Config
from tests.metamorphic.__main__ import programs
from tests.metamorphic.compare import differences, findings
from tests.metamorphic.transform import TRANSFORMATIONS, Files

KNOWN = {
    ("attributes", "LCK202.md", "Reported: the truth of a lock"): "a test of a lock is looked for"
    " where a name ends like one",
    ("lock-words", "imports.md", "A file that has no word of locks is not looked into for them"): ""
    "a file without words of locks is read only if a name leads to it",
    ("unrelated", "imports.md", "A file that has no word of locks is not looked into for them"): ""
    "as above",
    ("unrelated", "LCK705.md", "Reported: a consumer keeps the generator"): "as above",
    ("together", "lock_by_use.md", "The only class with these attributes, in a coroutine"): ""
    "classes of the other programs have these attributes, too",
    **{
        ("together", "LCK305.md", f"Reported: {title}"): "a declared name that two modules have is"
        " that of the first"
        for title in (
            "against a comment",
            "a name in a comment that no lock of the module has",
            "a lock of another module in a comment",
        )
    },
    **{
        (
            way,
            "LCK801.md",
            "Silent: callers hold it, by a comment, or because they are given to something",
        ): "a comment says that the caller holds the lock, and belongs to the lines around it"
        for way in ("methods", "no-comments", "spread")
    },
    **{
        (way, "lock_by_use.md", title): "an object of unknown type is a lock by its name, too"
        for way, title in (
            ("attributes", "Reported: an attribute that keeps a parameter"),
            (
                "attributes",
                "Reported: the lock of an object of which only one class has the attributes",
            ),
            ("attributes", "Reported: a class of a library has the name of a lock's"),
            ("locals", "Reported: all locks of a collection"),
            ("locals", "Reported at a lower level: it may be released although it is not held"),
        )
    },
    (
        "no-comments",
        "logged.md",
        "A handler is attached in another file, to the package's logger",
    ): "a file is not read that names the class of a lock in annotations only, if a comment alone"
    " mentions a lock",
}
"""Differences that are known, with their reason, by way, suite and title."""

PROGRAMS = list(programs([]))
WAYS = list(TRANSFORMATIONS)


def _way(turn: int, files: Files) -> str:
    """Return the first way, from the one whose turn it is, that changes the program at all."""
    ways = [*WAYS[turn % len(WAYS) :], *WAYS]
    return next(way for way in ways if TRANSFORMATIONS[way](files).files != dict(files))


TURNS = [(_way(i, p[1]), *p) for i, p in enumerate(PROGRAMS[1::4])]


def _is_known(way: str, name: str) -> bool:
    return any(
        way == known and name.startswith(f"{suite}:") and name.endswith(f": {title}")
        for known, suite, title in KNOWN
    )


@pytest.mark.parametrize(
    ("way", "files", "config"),
    [(way, files, config) for way, name, files, config in TURNS if not _is_known(way, name)],
    ids=[f"{way}::{name}" for way, name, _, _ in TURNS if not _is_known(way, name)],
)
def test_findings_stay(
    way: str,
    files: Files,
    config: Config,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = TRANSFORMATIONS[way](files)
    before_folder = tmp_path_factory.mktemp("before")
    monkeypatch.chdir(before_folder)
    before = findings(files, before_folder, config)
    after_folder = tmp_path_factory.mktemp("after")
    monkeypatch.chdir(after_folder)
    after = findings(changed.files, after_folder, config)
    assert differences(before, after, changed) == []


@pytest.mark.parametrize(("way", "suite", "title"), KNOWN)
def test_known_differences_are_still_there(
    way: str,
    suite: str,
    title: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Take an entry out of `KNOWN` once this fails."""
    files, config = next(
        (files, config)
        for name, files, config in PROGRAMS
        if name.startswith(f"{suite}:") and name.endswith(f": {title}")
    )
    changed = TRANSFORMATIONS[way](files)
    folders = [tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after")]
    found = []
    for folder, each in zip(folders, (files, changed.files), strict=True):
        monkeypatch.chdir(folder)
        found.append(findings(each, folder, config))
    before, after = found
    assert differences(before, after, changed) != []
