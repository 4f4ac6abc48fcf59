"""Edit files at random, and compare runs that remember the last one with runs that know nothing."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from locklint.core.config import Config
from locklint.engine.memory import Memory
from locklint.engine.pipeline import Means, check
from locklint.engine.report import Report

_ADDED = b"""

class Added:
    def __init__(self):
        import threading
        self._lock = threading.Lock()

    def close(self):
        with self._lock:
            self.close()

    def get(self, key):
        return key
"""

_OF_REPORTS = frozenset(("consulted", "holders"))
"""Parts that a run with a memory may know more of: they decide how long a report is kept."""


@dataclass(frozen=True)
class Round:
    """One edit, and the two runs after it: processor time in seconds, and where they differ."""

    edit: str
    path: Path
    remembering: float
    cold: float
    differences: tuple[str, ...]


def rounds(folder: Path, count: int, seed: int, config: Config | None = None) -> Iterator[Round]:
    """Edit the files below a folder ``count`` times; yield each round.

    Files that mention locks are edited more often. At the end the folder is as it was.
    """
    config = config or Config(select=("ALL",))
    original = {path: path.read_bytes() for path in sorted(folder.rglob("*.py"))}
    edits = _Edits(original, random.Random(seed))
    memory = Memory()
    check([str(folder)], config, means=Means(memory=memory))
    try:
        for _ in range(count):
            name, path = edits.make()
            start = time.process_time()
            remembering = check([str(folder)], config, means=Means(memory=memory))
            between = time.process_time()
            cold = check([str(folder)], config)
            end = time.process_time()
            yield Round(name, path, between - start, end - between, differences(remembering, cold))
    finally:
        for path, data in original.items():
            path.write_bytes(data)


def differences(one: Report, other: Report) -> tuple[str, ...]:
    """Return the names of the parts in which two reports differ."""
    return tuple(
        name
        for name in one.__struct_fields__
        if name not in _OF_REPORTS and getattr(one, name) != getattr(other, name)
    )


class _Edits:
    """Edits of files; each is chosen at random."""

    def __init__(self, original: dict[Path, bytes], source: random.Random) -> None:
        self._original = original
        self._random = source
        self._all = sorted(original)
        self._locking = [path for path in self._all if b"ock" in original[path]] or self._all
        self._kinds: Sequence[Callable[[bytes], bytes]] = (
            self._moved,
            self._with_empty_line,
            self._with_other_locks,
            self._returning_nothing,
            self._renamed,
            self._with_class,
            self._with_property,
            self._shorter,
            self._without_section,
            self._emptied,
        )

    def make(self) -> tuple[str, Path]:
        """Edit, remove or restore a file; return the name of the edit, and the file."""
        path = self._random.choice(self._locking if self._random.random() < 0.7 else self._all)
        number = self._random.randrange(len(self._kinds) + 2)
        if number == len(self._kinds):
            path.unlink(missing_ok=True)
            return "removed", path
        if number > len(self._kinds) or not path.exists():
            path.write_bytes(self._original[path])
            return "restored", path
        edit = self._kinds[number]
        path.write_bytes(edit(path.read_bytes()))
        return edit.__name__.strip("_").replace("_", " "), path

    def _moved(self, data: bytes) -> bytes:
        return b"# moved\n" + data

    def _with_empty_line(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        lines.insert(self._random.randrange(len(lines)), b"")
        return b"\n".join(lines)

    def _with_other_locks(self, data: bytes) -> bytes:
        other = data.replace(b"RLock()", b"\0").replace(b"Lock()", b"RLock()")
        return other.replace(b"\0", b"Lock()")

    def _returning_nothing(self, data: bytes) -> bytes:
        return data.replace(b"return ", b"return None and ")

    def _renamed(self, data: bytes) -> bytes:
        names = sorted(set(re.findall(rb"def (\w+)\(", data)))
        if not names:
            return data
        name = self._random.choice(names)
        return data.replace(b"def %s(" % name, b"def %s_x(" % name)

    def _with_class(self, data: bytes) -> bytes:
        return data + _ADDED

    def _with_property(self, data: bytes) -> bytes:
        return data.replace(b"    def get", b"    @property\n    def get", 1)

    def _shorter(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        del lines[self._random.randrange(len(lines))]
        return b"\n".join(lines)

    def _without_section(self, data: bytes) -> bytes:
        return data.replace(b"with self._lock:", b"if True:", 2)

    def _emptied(self, data: bytes) -> bytes:
        return b""
