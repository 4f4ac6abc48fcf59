"""The words of the tables: a library's model is all that is needed for its locks to be found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from locklint.index.build_lock_use import LOCK_WORDS
from locklint.index.screen import expressions_of, mentions_lock
from locklint.ir.lock import AcquireForm, ContextForm, LockKind, LockRole, ReleaseForm
from locklint.models.library import FactoryMethod, Library
from locklint.models.words import RELEASE_NAMES, WORDS, words_of

GATES = Library(
    kinds=(
        LockKind(
            name="gates.Gate",
            constructors=("gates.Gate", "gates.NarrowGate"),
            acquire_forms=(AcquireForm("heave"),),
            release_forms=(ReleaseForm("loosen"),),
            context_forms=(ContextForm("passing"), ContextForm("inner", is_attribute=True)),
        ),
        LockKind("gates.Bell", role=LockRole.EVENT, constructors=("gates.Bell",), waits=("hear",)),
    ),
    factory_methods=(
        FactoryMethod(("gates.Garden",), "fence", "gates.Gate"),
        FactoryMethod(("gates.Garden",), "main_gate", "gates.Gate", fresh=False),
    ),
)

# The same program for a lock of the standard library and for one whose words are all its own.
PROGRAM = """\
from {module} import {maker}

first = {maker}()
second = {maker}()


class Door:
    def __init__(self):
        self.bolt = {maker}()

    def knock(self, visitor):
        self.bolt.{acquire}()
        visitor.enter()
        self.bolt.{release}()

    def twice(self):
        self.bolt.{acquire}()
        self.bolt.{release}()
        self.bolt.{release}()


def leave(flag, work):
    first.{acquire}()
    if flag:
        return
    work()
    first.{release}()


def one(work):
    first.{acquire}()
    try:
        second.{acquire}()
        try:
            work()
        finally:
            second.{release}()
    finally:
        first.{release}()


def other(work):
    with second, first:
        work()


def outer():
    with first:
        inner()


def inner():
    first.{acquire}()
    first.{release}()
"""

WITH_GATES = """\
import sys
from locklint.ir.lock import AcquireForm, Argument, LockKind, Owner, ReleaseForm
from locklint.models import table
from locklint.models.library import Library

table.LIBRARIES += (
    Library(
        kinds=(
            LockKind(
                name="gates.Gate",
                constructors=("gates.Gate",),
                acquire_forms=(
                    AcquireForm(
                        "heave",
                        blocking=Argument("blocking", 0, True),
                        timeout=Argument("timeout", 1, -1),
                    ),
                ),
                release_forms=(ReleaseForm("loosen"),),
            ),
        )
    ),
)

from locklint.__main__ import run

run()
"""


def test_words_of_a_library() -> None:
    words = words_of((GATES,))
    assert words.makers == {"Gate", "NarrowGate", "fence"}
    assert words.thread_locks == {"Gate", "NarrowGate"}
    assert {"Lock", "RLock", "allocate_lock"} <= WORDS.thread_locks
    assert not WORDS.thread_locks & {"lock", "allocate", "FileLock", "Semaphore"}
    assert words.methods == {"heave", "loosen", "passing"}


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("x = Gate()", True),
        ("x = gates.Gate", True),
        ("field(default_factory=Gate)", True),
        ("x: NarrowGate", True),
        ("garden.fence('north')", True),
        ("x.heave()", True),
        ("stack.callback(x.loosen)", True),
        ("with x.passing():", True),
        ("the Gateway and the Gate", False),
        ("x.heave_off(); x.mistake(); heave()", False),
        ("with x.inner:", False),
        ("Bell(); x.hear()", False),
    ],
)
def test_the_screen_finds_the_words_of_a_library(code: str, is_found: bool) -> None:
    searches = [re.compile(each) for each in expressions_of(words_of((GATES,)))]
    assert any(each.search(code.encode()) for each in searches) is is_found
    assert not mentions_lock(code.encode())


def test_the_words_of_all_libraries_are_found() -> None:
    for makers in WORDS.kinds:
        assert any(mentions_lock(f"x = {maker}()".encode()) for maker in makers), makers
    for method in WORDS.acquiring | WORDS.releasing:
        assert mentions_lock(f"x.{method}()".encode()), method
    for method in WORDS.methods:
        assert LOCK_WORDS[method], method
    assert {"release", "release_read_lock", "__exit__"} <= RELEASE_NAMES
    assert not WORDS.methods & {"get", "put", "join", "set"}


def test_a_library_with_words_of_its_own_is_analysed_like_any_other(tmp_path: Path) -> None:
    lock = _findings(tmp_path, "lock", ("-m", "locklint"), "threading", "Lock", "acquire release")
    gate = _findings(tmp_path, "gate", ("-c", WITH_GATES), "gates", "Gate", "heave loosen")
    assert {code for code, _ in gate} >= {"LCK101", "LCK102", "LCK103", "LCK107", "LCK301"}
    assert gate == lock


def _findings(
    folder: Path, name: str, command: tuple[str, ...], module: str, maker: str, methods: str
) -> list[tuple[str, int]]:
    acquire, release = methods.split()
    path = folder / f"{name}.py"
    path.write_text(
        PROGRAM.format(module=module, maker=maker, acquire=acquire, release=release),
        encoding="utf-8",
    )
    options = ("--isolated", "--no-cache", "--select", "ALL", "--preview", "--profile", "strict")
    result = subprocess.run(
        [sys.executable, *command, "check", str(path), *options, "--output-format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    found = json.loads(result.stdout)["diagnostics"]
    return sorted((each["code"], each["location"]["row"]) for each in found)
