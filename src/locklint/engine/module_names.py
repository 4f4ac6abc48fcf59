"""Under which dotted name other files import a file: read from the layout of directories alone.

A name is the most likely one, and two files may bear the same (two loose scripts called ``run.py``
outside of any project): tables should be keyed by path.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

_IMPORT_ROOTS = frozenset({"src", "site-packages", "dist-packages"})
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")
# Folders that hold projects, programs or tests side by side: a package in one of them is imported
# without the folder's name.
_PLAIN_FOLDERS = frozenset(
    "apps benchmarks bin demo demos doc docs example examples lib libs packages plugins projects"
    " python samples scripts services test testing tests tools".split()
)
_SUFFIXES = (".py", ".pyi", ".pyw", ".ipynb")


class ModuleNames:
    """Names of modules, with a cache of the facts about each directory.

    ``source_roots`` are directories from which imports start; the deepest that holds a file decides
    its name. Without one, a regular package's name is found by climbing while there is an
    ``__init__.py``. Folders above it are treated as namespace packages where an import root is
    above them (``src``, ``site-packages``, a folder with package metadata, or a project's root, if
    the folders between hold no Python file and do not bear a name such as ``examples``). A file
    outside of any package is named from its project's root, and by its own name where there is
    none.
    """

    def __init__(self, source_roots: Sequence[str] = ()) -> None:
        roots = {os.path.realpath(root) for root in source_roots}
        self._roots = sorted(roots, key=len, reverse=True)
        self._packages: dict[str, tuple[str, ...]] = {}

    def name(self, path: str) -> tuple[str, bool]:
        """The dotted name of the file at ``path``, and whether it is a package's ``__init__``."""
        directory, base = os.path.split(os.path.abspath(path))
        stem = base
        for suffix in _SUFFIXES:
            stem = stem.removesuffix(suffix)
        if directory not in self._packages:
            self._packages[directory] = self._package(directory)
        package = self._packages[directory]
        if stem == "__init__" and package:
            return ".".join(package), True
        return ".".join((*package, stem)), stem == "__init__"

    def _package(self, directory: str) -> tuple[str, ...]:
        """Return the package that a directory is; empty if imports start in it."""
        real = os.path.realpath(directory)
        for root in self._roots:
            if real == root:
                return ()
            if real.startswith(os.path.join(root, "")):
                return tuple(real[len(os.path.join(root, "")) :].split(os.sep))
        top, names = directory, list[str]()
        while os.path.isfile(os.path.join(top, "__init__.py")):
            top, name = os.path.split(top)
            if not name:
                break
            names.insert(0, name)
        return (*_namespace(top, loose=not names), *names)


def _namespace(directory: str, *, loose: bool) -> tuple[str, ...]:
    """The namespace packages, outermost first, that lead from an import root to a directory.

    ``loose`` says that the directory holds modules outside of any regular package.
    """
    names: list[str] = []
    while not _starts_imports(directory) and not _is_project(directory):
        parent, name = os.path.split(directory)
        if not name.isidentifier():
            return ()
        if not loose and (name in _PLAIN_FOLDERS or _holds_python(directory)):
            return ()
        names.insert(0, name)
        directory = parent
    return tuple(names)


def _starts_imports(directory: str) -> bool:
    """Return whether a directory is one that is put on the import path as it is."""
    if os.path.basename(directory) in _IMPORT_ROOTS:
        return True
    return any(name.endswith((".dist-info", ".egg-info")) for name in _listed(directory))


def _is_project(directory: str) -> bool:
    return any(os.path.lexists(os.path.join(directory, name)) for name in _PROJECT_FILES)


def _holds_python(directory: str) -> bool:
    return any(name.endswith(".py") for name in _listed(directory))


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def module_name(path: str, source_roots: Sequence[str] = ()) -> tuple[str, bool]:
    """The dotted name of one file and whether it is a package; see `ModuleNames`, which caches."""
    return ModuleNames(source_roots).name(path)
