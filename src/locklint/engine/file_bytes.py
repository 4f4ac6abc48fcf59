"""The bytes of the files of a run: each is read once, as far as memory allows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from locklint.core.config import Config
from locklint.engine.discover import FoundFile
from locklint.engine.module_names import ModuleNames
from locklint.engine.read import ReadProblem, read_bytes
from locklint.engine.stdin import StdinText
from locklint.engine.store import BYTES, digest

MOST_KEPT_BYTES = 8 << 20
"""The number of bytes that are kept for further questions: 200,000 lines or so."""


@dataclass(frozen=True)
class ModuleFile:
    """A file of a run and the name by which others import it.

    ``path`` opens it, ``shown`` is what users see. ``unique`` is set where an earlier file of the
    run has the same module name.
    """

    path: str
    shown: str
    module: str
    is_package: bool
    unique: str = ""


class FileBytes:
    """The source of the bytes and names of files: the file system, and an overlay.

    ``overlay`` holds bytes by real path. Names of modules follow from ``source_roots``. A file that
    had to be read again, and was another one by then, ``has_changed``: nothing that is made of both
    may be kept.
    """

    is_disk = True
    """A sign that further files of the project may be looked for."""

    def __init__(
        self, source_roots: Sequence[str] = (), overlay: Mapping[str, bytes] | None = None
    ) -> None:
        self.has_changed = False
        self._overlay = dict(overlay or {})
        self._names = ModuleNames(source_roots)
        self._digests: dict[str, bytes] = {}
        self._problems: dict[str, ReadProblem] = {}
        self._kept: dict[str, bytes] = {}
        self._room = MOST_KEPT_BYTES

    @classmethod
    def of_disk(cls, config: Config, stdin: StdinText | None = None) -> Self:
        """The files of the disk, with ``stdin`` in the place of one."""
        overlay = {os.path.realpath(stdin.path): stdin.data} if stdin else {}
        return cls(config.source_roots, overlay)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. Raise `ReadProblem` if it cannot be read."""
        if path in self._problems:
            raise ReadProblem(self._problems[path].message, self._problems[path].line)
        data = self._kept.get(path)
        if data is not None:
            return data
        try:
            data = self.fetch(path)
        except ReadProblem as problem:
            self._problems[path] = ReadProblem(problem.message, problem.line)
            self._note(path, problem.message.encode(*BYTES))
            raise
        self._note(path, digest(data))
        if len(data) <= self._room:
            self._room -= len(data)
            self._kept[path] = data
        return data

    def fetch(self, path: str) -> bytes:
        """Return the bytes of a file from where they are. Raise `ReadProblem`."""
        if self._overlay:
            data = self._overlay.get(os.path.realpath(path))
            if data is not None:
                return data
        return read_bytes(path)

    def digest(self, path: str) -> bytes:
        """Return the digest of the bytes that were read first, or the reason why there are none."""
        if path not in self._digests:
            with suppress(ReadProblem):
                self.read(path)
        return self._digests[path]

    def forget(self, path: str) -> None:
        """Make room: the bytes of a file are no longer needed."""
        self._room += len(self._kept.pop(path, b""))

    def _note(self, path: str, content: bytes) -> None:
        self.has_changed |= self._digests.setdefault(path, content) != content

    def module_name(self, path: str) -> tuple[str, bool]:
        """The dotted name of a file's module, and whether it is a package."""
        return self._names.name(path)

    def named(self, found: Iterable[FoundFile]) -> list[ModuleFile]:
        """Return the files with their modules, each distinguished from those before it."""
        taken: dict[str, str] = {}
        files: list[ModuleFile] = []
        for each in found:
            shown = each.shown
            module, is_package = self.module_name(each.path)
            # Two scripts of one name are still different files.
            is_taken = taken.setdefault(module, shown) != shown
            unique = f"{module}@{shown}" if is_taken else ""
            files.append(ModuleFile(each.path, shown, module, is_package, unique))
        return files
