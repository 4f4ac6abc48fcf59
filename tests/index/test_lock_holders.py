"""Files that use what has locks, by their bytes."""

import ast

import pytest

from locklint.core.source import SourceFile
from locklint.index.build import build_index
from locklint.index.lock_holders import (
    LockHolders,
    hands_on_class,
    imported_names,
    imports_one_of,
)

HOLDERS = """
class Box:
    def __init__(self):
        self.lock = threading.Lock()

class Plain:
    def __init__(self):
        self.name = open("x")

class Shared:
    lock = Lock()

def make():
    lock = Lock()
    return lock

def make_other():
    return make()

def number():
    return 1

class Made:
    def __init__(self):
        self.lock = make_other()
        self.number = number()

class Numbered:
    def __init__(self):
        self.number = number()

def use(box):
    box.lock.acquire()

def show(text):
    print(text)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a.b", {b"a", b"b"}),
        ("from a import b as c, d", {b"b", b"as", b"c", b"d"}),
        ("from a import (\n    b,\n    c,\n)\nx = 1", {b"b", b"c"}),
        ("import a\nfrom b import c", {b"a", b"c"}),
        ("from a import (b", {b"b"}),
        ("x = 1", set()),
    ],
)
def test_imported_names(text: str, expected: set[bytes]) -> None:
    assert imported_names(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "is_user"),
    [
        ("from boxes import Box\nBox()", True),
        ("from boxes import Box\nprint(Box)", False),
        ("from boxes import Box\nMailBox()", False),
        ("from pkg import boxes\nboxes.Shared()", True),
        ("import boxes\nboxes.Plain()", False),
        ("import boxes\nboxes.use(1)", True),
        ("from boxes import Made\nMade()", True),
        ("from boxes import Numbered\nNumbered()", False),
        ("from boxes import show\nshow(1)", False),
        ("Box()", False),
        ("from boxes import Box\nclass Case(Other, Box):\n    pass", True),
        ("from boxes import Box as Base\nclass Case(\n    Base\n):\n    pass", True),
        ("import boxes\nclass Case(boxes.Shared):\n    pass", True),
        ("import boxes\nclass Case(boxes.Plain):\n    pass", False),
        ("from boxes import Box\nclass Case(MailBox):\n    pass", False),
    ],
)
def test_users(text: str, is_user: bool) -> None:
    source = SourceFile(path="boxes.py", module="pkg.boxes", text=HOLDERS)
    holders = LockHolders.of([build_index(ast.parse(HOLDERS), source)], frozenset(("Lock",)))
    assert holders.are_used(text.encode()) is is_user
    assert holders.may_be_used(imported_names(text.encode())) or not is_user


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import boxes", False),
        ("import pkg.boxes", True),
        ("import pkg.boxes as other", True),
        ("from pkg import boxes", True),
        ("from pkg import (\n    plain,\n    boxes,\n)", True),
        ("from pkg.boxes import Box", True),
        ("from pkg.boxes.more import Box", False),
        ("from . import boxes", False),
        ("from .. import boxes", True),
        ("from ..boxes import Box", True),
        ("from .boxes import Box", False),
        ("    from pkg.boxes import Box", True),
        ("from ..... import boxes", False),
        ("text = 'boxes'", False),
    ],
)
def test_imports_of_modules(text: str, expected: bool) -> None:
    assert imports_one_of(text.encode(), "pkg.sub", {"pkg.boxes"}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from help import Helper\ndef choose():\n    return Helper", True),
        ("from help import Helper\nKind = Helper\n", True),
        ("from help import Helper\nKINDS = {\n    'help': Helper,\n}", True),
        ("from help import Helper\ndef make():\n    return Helper()", False),
        ("from help import NOTHING\ndef choose():\n    return NOTHING", False),
        ("from help import helper\ndef choose():\n    return helper", False),
        ("def choose():\n    return Helper", False),
    ],
)
def test_classes_that_are_handed_on(text: str, expected: bool) -> None:
    assert hands_on_class(text.encode()) is expected
