"""Whether what is written like a use of a lock is one, before anything is lowered."""

from __future__ import annotations

import textwrap

import pytest

from locklint.frontend.project import Project
from locklint.frontend.static_resolver import StaticResolver
from locklint.frontend.written_locks import released_paths, touches_lock
from locklint.models.table import default_table
from tests.frontend.resolving import index_files

_FILES = {
    "base.py": """
        import threading
        class Base:
            def __init__(self):
                self._lock = threading.Lock()
                self.pool = Pool()
        class Pool:
            def __enter__(self): pass
            def __exit__(self, *args): pass
            def acquire(self): pass
            def release(self): pass
        """,
    "m.py": """
        import threading
        from base import Base
        class A(Base):
            def inherited(self):
                with self._lock: pass
            def of_the_project(self):
                with self.pool: pass
                self.pool.acquire()
                self.pool.release()
            def unknown(self, other):
                other.slot.release()
                with other: pass
            def a_class(self):
                with threading.Lock: pass
            def not_written(self, x):
                with (x or self.pool): pass
            def outer(self):
                def inner():
                    self._lock.acquire()
        """,
}


def _asked() -> tuple[StaticResolver, Project]:
    indexes = index_files({path: textwrap.dedent(text) for path, text in _FILES.items()})
    project = Project(list(indexes.values()))
    return StaticResolver(project, default_table()), project


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("A.inherited", True),
        ("A.of_the_project", False),
        ("A.unknown", False),
        ("A.a_class", True),
        ("A.not_written", True),
        ("A.outer", False),
        ("A.outer.inner", True),
    ],
)
def test_what_touches_a_lock(function: str, expected: bool) -> None:
    resolver, project = _asked()
    index = project.by_key("m")
    assert index is not None
    assert touches_lock(resolver.for_file(index), index, index.functions[function]) is expected


def test_paths_of_what_is_released_and_not_known() -> None:
    resolver, project = _asked()
    index = project.by_key("m")
    assert index is not None
    found = {
        name: list(map(str, released_paths(resolver.for_file(index), index, decl)))
        for name, decl in index.functions.items()
    }
    assert {name: paths for name, paths in found.items() if paths} == {"A.unknown": ["other.slot"]}
