"""A file of findings that are known, so that a run reports only what is new.

A finding is known by its fingerprint, which holds no line number. The file's lines are sorted, one
for each finding, so that git can merge two versions; equal findings have a line each, so that one
more of them is new. The path beside the fingerprint distinguishes copies of one fault; an entry
whose file no longer holds the finding follows it to another.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from locklint.engine.load_config import SettingsError
from locklint.engine.read import read_file
from locklint.engine.write_file import replace_file

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic

DEFAULT_NAME = "locklint-baseline.txt"

# A file that could not be analysed is no known fault: its faults are not known.
NEVER_KNOWN = frozenset({"LCK901"})

HEADER = (
    "# Known findings, which locklint does not report. Written by `locklint baseline`.\n"
    "# Path, rule, function, locks, fingerprint.\n"
)
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


class Entry(msgspec.Struct, frozen=True, order=True):
    """A known finding. ``path`` is relative to the baseline's folder, with forward slashes."""

    path: str
    code: str
    function: str
    locks: str
    fingerprint: str

    @property
    def key(self) -> tuple[str, str]:
        """Return the key of the finding; the other fields are for people who read the file."""
        return self.fingerprint, self.path

    def __str__(self) -> str:
        return "\t".join((self.path, self.code, self.function, self.locks, self.fingerprint))


class Judged(msgspec.Struct, frozen=True):
    """Findings compared with a baseline.

    ``new`` are those that it does not know, ``known`` the others, both in their order. ``stale``
    are entries whose findings no longer exist; ``current`` is what the baseline would hold without
    these, with entries that followed their finding to another file.
    """

    new: tuple[Diagnostic, ...]
    known: tuple[Diagnostic, ...]
    stale: tuple[Entry, ...]
    current: tuple[Entry, ...]


class Baseline:
    """The entries of one file, at an absolute path; equal findings have an entry each."""

    def __init__(self, path: str, entries: Iterable[Entry] = ()) -> None:
        self.path = path
        self.entries = tuple(sorted(entries))

    @classmethod
    def read(cls, path: str) -> Baseline:
        """Read a file. Raise `SettingsError` for one that is not there or not a baseline."""
        path = os.path.abspath(path)
        try:
            lines = read_file(path).decode("utf-8").splitlines()
        except FileNotFoundError:
            raise SettingsError(
                f"{path}: the baseline does not exist; create it with `locklint baseline`"
            ) from None
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{path}: not a baseline: it is not UTF-8 text") from None
        entries = []
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("#"):
                entries.append(_entry(line, f"{path}:{number}"))
        return cls(path, entries)

    def write(self) -> None:
        """Write the file, all of it or nothing. Raise `OSError` if that fails."""
        text = HEADER + "".join(f"{entry}\n" for entry in self.entries)
        replace_file(self.path, text.encode("utf-8"))

    def entry(self, diagnostic: Diagnostic) -> Entry:
        """Return the entry of a finding."""
        path = os.path.relpath(os.path.realpath(diagnostic.path), os.path.dirname(self.path))
        return Entry(
            _plain(path.replace(os.sep, "/")),
            diagnostic.code,
            _plain(diagnostic.function) or "-",
            _plain(", ".join(diagnostic.locks)) or "-",
            diagnostic.fingerprint,
        )

    def judge(
        self, diagnostics: Sequence[Diagnostic], was_analysed: Callable[[str], bool]
    ) -> Judged:
        """Compare findings with the entries, each of which covers one finding.

        Of equal findings in one file the first ones are the known ones. An entry whose file no
        longer holds the finding covers an equal one in another file, for it may have moved.
        ``was_analysed`` returns whether the run has analysed a real path; an entry of another file
        that exists is left alone.
        """
        free: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            free[entry.key].append(entry)
        known: dict[int, Entry] = {}
        placed = [
            (index, self.entry(each))
            for index, each in enumerate(diagnostics)
            if each.code not in NEVER_KNOWN
        ]
        for index, entry in placed:
            if free[entry.key]:
                known[index] = free[entry.key].pop()
        vacant = [
            entry
            for entries in free.values()
            for entry in entries
            if self._is_vacant(entry, was_analysed)
        ]
        homeless: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in vacant:
            homeless[entry.fingerprint].append(entry)
        moved: list[Entry] = []
        for index, entry in placed:
            if index not in known and homeless[entry.fingerprint]:
                known[index] = homeless[entry.fingerprint].pop()
                moved.append(entry)
        left = Counter(self.entries)
        left.subtract(vacant)
        return Judged(
            tuple(each for index, each in enumerate(diagnostics) if index not in known),
            tuple(each for index, each in enumerate(diagnostics) if index in known),
            tuple(sorted(entry for entries in homeless.values() for entry in entries)),
            tuple(sorted([*left.elements(), *moved])),
        )

    def renewed(
        self, diagnostics: Sequence[Diagnostic], was_analysed: Callable[[str], bool]
    ) -> Baseline:
        """Return a baseline of these findings, and of entries of files that were not analysed."""
        kept: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            if not self._is_vacant(entry, was_analysed):
                kept[entry.key].append(entry)
        found = [self.entry(each) for each in diagnostics if each.code not in NEVER_KNOWN]
        for entry in found:
            if kept[entry.key]:
                kept[entry.key].pop()
        return Baseline(self.path, [*(each for rest in kept.values() for each in rest), *found])

    def _is_vacant(self, entry: Entry, was_analysed: Callable[[str], bool]) -> bool:
        """Return whether a finding of this entry would have been found, if there still were one."""
        real = os.path.realpath(os.path.join(os.path.dirname(self.path), entry.path))
        return was_analysed(real) or not os.path.lexists(real)


def may_be_written(path: str, folder: str) -> bool:
    """Return whether the settings of a folder may name a file as the baseline to be written.

    Settings come with the code that is analysed. So the file must be below them, or be a baseline
    with findings already, such as one that several projects share.
    """
    real = os.path.realpath(os.path.dirname(path))
    if real == folder or real.startswith(os.path.join(folder, "")):
        return True
    try:
        return bool(Baseline.read(path).entries)
    except SettingsError:
        return False


def _entry(line: str, place: str) -> Entry:
    if line.startswith(_CONFLICT):
        raise SettingsError(f"{place}: conflict marker of git: resolve the conflict first")
    fields = line.split("\t")
    if len(fields) != 5 or not _FINGERPRINT.fullmatch(fields[4]):
        raise SettingsError(f"{place}: not a line of a baseline")
    return Entry(*fields)


def _plain(text: str) -> str:
    """Text for one field: without tabs, line ends and half characters."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", lambda m: f"\\x{ord(m[0]):02x}", text)
