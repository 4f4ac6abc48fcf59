"""The code on which speed is measured: folders, parts of them, copies, and CPython's library."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.parse_all import python_files

STDLIB = "stdlib"
_LEFT_OUT = shutil.ignore_patterns("test", "site-packages", "__pycache__", "config-*")


@dataclass(frozen=True)
class Corpus:
    """Files and folders that are scanned together, and what they are called in the table."""

    name: str
    root: Path
    paths: tuple[Path, ...]

    @classmethod
    def of(cls, root: Path, packages: Collection[str] = (), name: str = "") -> Corpus:
        """A folder, or only those of its packages that are asked for.

        Args:
            root: The folder.
            packages: Names without versions: ``kazoo`` stands for ``kazoo-2.11.0`` too.
            name: For the table; by default the folder's, and the packages'.

        Raises:
            FileNotFoundError: There is no such folder, or none of the packages is in it.
        """
        root = root.resolve()
        if not root.is_dir():
            raise FileNotFoundError(f"{root} is no folder")
        if not packages:
            return cls(name or root.name, root, (root,))
        paths = _packages(root, packages)
        if not paths:
            raise FileNotFoundError(f"{root} has none of {', '.join(packages)}")
        return cls(f"{name or root.name} ({_names(paths)})", root, paths)

    def sample(self, step: int) -> Corpus:
        """One file in so many, in their order; those of step 8 are among those of step 4."""
        return Corpus(f"1 file in {step}", self.root, self.files[::step])

    def copied(self, folder: Path) -> Corpus:
        """The same in another folder, which is made, without the traces of running it."""
        folder.mkdir(parents=True)
        copies = []
        for path in self.paths:
            copy = folder / path.name
            if path.is_dir():
                shutil.copytree(path, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, copy)
            copies.append(copy)
        return Corpus(self.name, folder, tuple(copies))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Its Python files, sorted."""
        return tuple(sorted(map(Path, python_files([str(path) for path in self.paths]))))

    @cached_property
    def bytes(self) -> int:
        """How many bytes they hold together."""
        return sum(path.stat().st_size for path in self.files)

    @cached_property
    def lines(self) -> int:
        """How many lines they have together. Reads them all, which also warms the disk's cache."""
        return sum(path.read_bytes().count(b"\n") for path in self.files)

    def typical_file(self) -> Path:
        """Of the files that make locks, the one of middling size, to be changed."""
        candidates = [path for path in self.files if b"Lock()" in path.read_bytes()]
        by_size = sorted(candidates or self.files, key=lambda path: (path.stat().st_size, path))
        return by_size[len(by_size) // 2]

    def silent_file(self) -> Path:
        """Of the files that say nothing of locks, the one of middling size, to be changed."""
        signs = "ock OCK threading cquire multiprocessing emaphore .release Condition utex"
        words = [*signs.encode().split(), b"CapacityLimiter"]
        candidates = [
            path
            for path in self.files
            if not any(word in path.read_bytes() for word in words) and path.stat().st_size
        ]
        by_size = sorted(candidates or self.files, key=lambda path: (path.stat().st_size, path))
        return by_size[len(by_size) // 2]


def stdlib(folder: Path) -> Corpus:
    """The library of the Python that runs this, copied without its tests and installed packages.

    Args:
        folder: The copy, which is made: so that every program looks at the same files, and not one
            of them at what belongs to this environment.
    """
    shutil.copytree(sysconfig.get_path("stdlib"), folder, ignore=_LEFT_OUT)
    return Corpus("CPython's library", folder, (folder,))


def _packages(root: Path, names: Collection[str]) -> tuple[Path, ...]:
    return tuple(path for path in sorted(root.iterdir()) if _name(path) in names)


def _name(path: Path) -> str:
    return (
        os.path.splitext(path.name)[0].split("-")[0] if path.is_file() else path.name.split("-")[0]
    )


def _names(paths: Collection[Path]) -> str:
    return ", ".join(map(_name, paths))
