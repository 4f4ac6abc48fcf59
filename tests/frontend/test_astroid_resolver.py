"""What installed packages hold, read from their files without importing them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from locklint.frontend.astroid_resolver import AstroidResolver
from locklint.models.table import default_table
from tests.frontend.resolving import check

PACKAGE = {
    "__init__.py": """
from .locks import Lock, make, Named, MyLock
from .other import *
raise SystemExit("this package must not be imported")
""",
    "locks.py": """
import threading
import threading as t
from threading import Lock, RLock as R
from . import base
class Named(threading.Condition):
    pass
class MyLock:
    def acquire(self): ...
    def release(self): ...
class Loud(threading.Condition):
    def acquire(self): ...
def make(kind=None):
    if kind:
        return t.RLock()
    return Lock()
def again():
    return make()
def spins():
    return spins()
guard = R()
class Client(base.Base):
    def __init__(self, lock=None):
        self.lock = lock or threading.Lock()
        self.maybe = Lock() if lock else None
        self.alias = self.lock
        self.made = again()
        self.number = 1
        self.other = Other()
    @property
    def prop(self):
        return self._hidden
    shared = threading.Semaphore()
class Other:
    def __init__(self):
        self.inner = Lock()
""",
    "base.py": """
from threading import RLock
class Base:
    def __init__(self):
        self._hidden = RLock()
""",
    "other.py": """
from asyncio import Lock as StarLock
""",
    "broken.py": "def (",
}


@pytest.fixture
def resolver(tmp_path: Path) -> AstroidResolver:
    folder = tmp_path / "somepkg"
    folder.mkdir()
    for name, text in PACKAGE.items():
        (folder / name).write_text(text)
    return AstroidResolver(default_table().kind_for_constructor, [str(tmp_path)])


@pytest.mark.parametrize(
    ("dotted", "expected"),
    [
        ("threading.Lock", "threading.Lock"),
        ("somepkg.Lock", "threading.Lock"),
        ("somepkg.StarLock", "asyncio.Lock"),
        ("somepkg.locks.Lock", "threading.Lock"),
        ("somepkg.locks.t.RLock", "threading.RLock"),
        ("somepkg.Named", "threading.Condition"),
        ("somepkg.MyLock", None),
        ("somepkg.locks.Loud", None),
        ("somepkg.make", "threading.RLock"),
        ("somepkg.locks.again", "threading.RLock"),
        ("somepkg.locks.spins", None),
        ("somepkg.locks.guard", "threading.RLock"),
        ("somepkg.locks.Client", None),
        ("somepkg.locks.Client.lock", "threading.Lock"),
        ("somepkg.locks.Client.maybe", "threading.Lock"),
        ("somepkg.locks.Client.alias", "threading.Lock"),
        ("somepkg.locks.Client.made", "threading.RLock"),
        ("somepkg.locks.Client.number", None),
        ("somepkg.locks.Client.shared", "threading.Semaphore"),
        ("somepkg.locks.Client.other.inner", "threading.Lock"),
        ("somepkg.locks.Client._hidden", "threading.RLock"),
        ("somepkg.locks.Client.prop", "threading.RLock"),
        ("somepkg.broken.Lock", None),
        ("somepkg.missing.Lock", None),
        ("nowhere.Lock", None),
        ("", None),
    ],
)
def test_kind_of_external(resolver: AstroidResolver, dotted: str, expected: str | None) -> None:
    assert resolver.kind_of_external(dotted) == expected
    assert resolver.kind_of_external(dotted) == expected


def test_nothing_is_imported_and_the_search_path_stays(resolver: AstroidResolver) -> None:
    before = list(sys.path)
    assert resolver.kind_of_external("somepkg.locks.Client.lock") == "threading.Lock"
    assert sys.path == before
    assert not [name for name in sys.modules if name.startswith("somepkg")]


def test_used_by_the_static_resolver(resolver: AstroidResolver) -> None:
    check(
        """
        import somepkg
        from somepkg import locks
        from somepkg.locks import Client, MyLock
        class Mine(Client):
            def f(self):
                pass
                #? self.lock -> self.lock somepkg.locks.Client.lock threading.Lock, instance, medium
                #? self.number -> -
                #? self.nothing -> -
        made = somepkg.make()
        client = Client()
        wrapped = MyLock()
        #? made -> made m.made threading.RLock, one, medium
        #? client.lock -> client.lock somepkg.locks.Client.lock threading.Lock, instance, medium
        #? wrapped -> -
        #? somepkg.Lock() -> somepkg.Lock() m.somepkg.Lock() threading.Lock, fresh, medium
        """,
        resolver,
    )
