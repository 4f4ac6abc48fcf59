"""Broken files are findings, whether or not they mention a lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from locklint.cli import main
from locklint.engine import broken_file

Run = Callable[..., SimpleNamespace]

SEEN = {
    "a bracket": "def broken(:\n    pass\n",
    "a square bracket": "x = [1, 2\ny = 3\n",
    "cut off": "def whole():\n    return {\n",
    "a bracket and two in a text": "x = [1, 2\ny = ']]'\n",
    "a triple quote": 'def f():\n    """Text.\n    return 1\n',
    "a conflict": "x = 1\n<<<<<<< HEAD\ny = 2\n=======\ny = 3\n>>>>>>> other\n",
    "Python 2": 'print "hello"\n',
    "a null byte": "x = 1\n\0",
}
UNSEEN = {
    "no colon": "if x\n    y = 1\n",
    "an indentation": "def f():\nreturn 1\n",
    "a return": "return 1\n",
    "a nonlocal": "nonlocal x\n",
    "an argument": "def f(a, a):\n    pass\n",
    "an await": "def f():\n    await g()\n",
}
SOUND = {
    "text with brackets": 'x = "((("  # ]\n',
    "text with a conflict": 'x = """\n<<<<<<< HEAD\n"""\n',
    "text of Python 2": "x = 1  # print 'a'\n",
    "quotes in quotes": 'x = \'"""\'\n',
    "warnings": "x = '\\d' is 1\n",
    "another encoding": "# coding: latin-1\nx = 'é'\n",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line for a folder of two files, one.py and another without faults."""
    monkeypatch.chdir(tmp_path)
    Path("other.py").write_text("import threading\n\nlock = threading.Lock()\n")

    def call(text: str, *words: str) -> SimpleNamespace:
        encoding = "latin-1" if "latin-1" in text else "utf-8"
        Path("one.py").write_bytes(text.encode(encoding))
        status = main(["check", "--output-format", "concise", *words])
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    return call


@pytest.mark.parametrize("text", SEEN.values(), ids=SEEN)
def test_a_broken_file_without_locks_is_a_finding(run: Run, text: str) -> None:
    result = run(text)
    assert result.status == 1
    assert result.out.startswith("one.py:")
    assert "LCK901" in result.out
    assert "Analysed 2 files (1 mentions locks)" in result.out
    assert "\nNot analysed: 1 file (" in result.out
    assert run(text) == result  # From the cache.


@pytest.mark.parametrize("text", [*SEEN.values(), *UNSEEN.values()], ids=[*SEEN, *UNSEEN])
@pytest.mark.parametrize("extra", ["", "# lock\n"], ids=["without locks", "with locks"])
def test_under_error_incomplete_every_broken_file_is_found(run: Run, text: str, extra: str) -> None:
    result = run(text + extra, "--error-incomplete")
    assert result.status == 1
    assert result.out.startswith("one.py:")
    assert "LCK901" in result.out
    assert "error: the analysis is not complete" in result.err


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_a_sound_file_is_none(run: Run, text: str, recwarn: pytest.WarningsRecorder) -> None:
    for flags in ([], ["--error-incomplete"]):
        result = run(text, *flags)
        assert (result.status, result.err) == (0, "")
        assert "Not analysed" not in result.out
    assert not recwarn.list


def test_a_file_that_breaks_after_it_was_remembered(run: Run) -> None:
    assert run("x = 1\n").status == 0
    assert run("x = 2\n").status == 0
    assert run("x = (2\n").status == 1
    assert run("x = 3\n").status == 0
    assert run("if x\n", "--error-incomplete").status == 1
    assert run("x = 4\n", "--error-incomplete").status == 0
    assert run("return 4\n", "--error-incomplete").status == 1


def test_a_bracket_in_a_text_is_no_reason_to_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(data: bytes) -> bool:
        raise AssertionError("the file is parsed")

    monkeypatch.setattr(broken_file, "_is_surely_parsed", refuse)
    texts = (b"x = '['\n", b'"""\n(\n"""\n', b"x = 1  # (\n", b"x = r'\\({'\n")
    assert not any(broken_file.is_broken("m.py", text, False) for text in texts)
