"""The choice among files of one module name: the one that a given file imports."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from locklint.index.declarations import ModuleIndex


class Unread(Protocol):
    """A file of the run that was not read yet, with the name by which others import it."""

    @property
    def shown(self) -> str:
        """The path that its declarations will have."""

    @property
    def module(self) -> str:
        """Its dotted name."""

    @property
    def is_package(self) -> bool:
        """Return whether it is a package's ``__init__``."""


_File = TypeVar("_File", bound=ModuleIndex | Unread)


def nearest(files: Sequence[_File], dotted: str, near: ModuleIndex | None) -> _File | None:
    """Return the file of a module name that the file ``near`` imports, or None if that is open."""
    if len(files) > 1:
        # Python imports `system/__init__.py`, not the `system.py` beside that folder.
        packages = {_root(file) for file in files if file.is_package}
        files = [file for file in files if file.is_package or _root(file) not in packages]
    if near is None:
        return files[0] if len(files) == 1 else None
    root = _root(near)
    for file in files:
        if _root(file) == root:
            return file
    if dotted.partition(".")[0] in sys.stdlib_module_names:
        return None  # A script of another folder does not hide the standard library.
    if len(files) <= 1:
        return files[0] if files else None
    first, second = sorted(
        (_common_folders(_path(file), near.path) for file in files), reverse=True
    )[:2]
    if first == second:
        return None
    return next(file for file in files if _common_folders(_path(file), near.path) == first)


def _path(file: ModuleIndex | Unread) -> str:
    return file.path if isinstance(file, ModuleIndex) else file.shown


def _root(file: ModuleIndex | Unread) -> str:
    """The folder from which the file's module name is counted."""
    return _folder_above(_path(file), file.module.count(".") + (2 if file.is_package else 1))


@lru_cache(maxsize=1 << 14)
def _folder_above(path: str, depth: int) -> str:
    parts = path.replace("\\", "/").split("/")
    return "/".join(parts[:-depth]) if depth <= len(parts) else ""


def _common_folders(left: str, right: str) -> int:
    count = 0
    for one, other in zip(
        left.replace("\\", "/").split("/"), right.replace("\\", "/").split("/"), strict=False
    ):
        if one != other:
            break
        count += 1
    return count
