"""Comments that are written into files: where they go, and what stays as it was."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.add_ignore import Added, add_ignores
from locklint.engine.pipeline import check

HEAD = "import threading\nlock = threading.Lock()\n\n\ndef f(job, log):\n"


def silence(path: Path, reason: str = "") -> Added:
    """Add comments for all findings in a file; afterwards there are none."""
    config = Config(extend_ignore=("LCK9",))
    report = check([str(path)], config)
    added = add_ignores(report.diagnostics, report.sources, reason)
    if not added.problems:
        assert check([str(path)], config).diagnostics == ()
    return added


def silenced(tmp_path: Path, body: str, reason: str = "") -> str:
    """The body of a function after all its findings were silenced."""
    path = tmp_path / "a.py"
    path.write_text(HEAD + body)
    assert silence(path, reason).problems == []
    text = path.read_text()
    assert text.startswith(HEAD)
    return text.removeprefix(HEAD)


TAIL = "    job()\n    lock.release()\n"
PLAIN = "# locklint: ignore[LCK102]"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    lock.acquire()\n", f"    lock.acquire()  {PLAIN}\n"),
        ("    lock.acquire()   \n", f"    lock.acquire()  {PLAIN}\n"),
        ("    lock.acquire()  # why\n", f"    lock.acquire()  # why  {PLAIN}\n"),
        ("    lock.acquire()  # noqa: E501\n", f"    lock.acquire()  # noqa: E501  {PLAIN}\n"),
        (
            "    lock.acquire()  # locklint: ignore[LCK101] by hand\n",
            "    lock.acquire()  # locklint: ignore[LCK101, LCK102] by hand\n",
        ),
        ("    lock.acquire(\n    )\n", f"    lock.acquire(  {PLAIN}\n    )\n"),
        ("    log('''\n''', lock.acquire())\n", f"    log('''\n''', lock.acquire())  {PLAIN}\n"),
        ("    lock.acquire(); log('''\n''')\n", f"    lock.acquire(); log('''\n''')  {PLAIN}\n"),
        ("    lock.acquire(); log(\\\n1)\n", f"    lock.acquire(); log(\\\n1)  {PLAIN}\n"),
    ],
)
def test_where_comments_go(tmp_path: Path, line: str, expected: str) -> None:
    assert silenced(tmp_path, line + TAIL) == expected + TAIL


def test_a_reason_goes_behind_the_codes(tmp_path: Path) -> None:
    text = silenced(tmp_path, f"    lock.acquire()\n{TAIL}", "  one thread only ")
    assert text.startswith(f"    lock.acquire()  {PLAIN} one thread only\n")


def test_several_codes_share_a_comment(tmp_path: Path) -> None:
    text = silenced(tmp_path, f"    threading.Lock().acquire; lock.acquire()\n{TAIL}")
    assert "  # locklint: ignore[LCK102, LCK202]\n" in text


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (HEAD.replace("\n", "\r\n").encode(), "utf-8"),
        (HEAD.replace("\n", "\r").encode(), "utf-8"),
        (codecs.BOM_UTF8 + HEAD.encode(), "utf-8"),
        (b"# -*- coding: latin-1 -*-\nname = '\xe9'\n" + HEAD.encode(), "latin-1"),
        ("name = 'é\x0c'\n".encode() + HEAD.encode(), "utf-8"),
    ],
)
def test_encodings_and_line_ends_stay(tmp_path: Path, data: bytes, codec: str) -> None:
    end = "\r\n" if b"\r\n" in data else "\r" if b"\r" in data else "\n"
    body = f"    lock.acquire(){end}    job(){end}    lock.release()".encode()
    path = tmp_path / "a.py"
    path.write_bytes(data + body)
    path.chmod(0o640)
    assert silence(path).findings == 1
    expected = body.replace(b"acquire()", b"acquire()  " + PLAIN.encode())
    assert path.read_bytes() == data + expected
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_reason_that_the_encoding_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("# coding: ascii\n" + HEAD + "    lock.acquire()\n" + TAIL)
    before = path.read_bytes()
    added = silence(path, "weil’s muss")
    assert added.findings == 0
    assert "cannot be written in the file's encoding" in added.problems[0]
    assert path.read_bytes() == before


@pytest.mark.parametrize("reason", ["a # b", "a\nb"])
def test_reasons_that_would_end_the_comment(reason: str) -> None:
    with pytest.raises(ValueError, match="one line without `#`"):
        add_ignores((), {}, reason)


def test_a_comment_in_a_string_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    line = '    lock.acquire(); log("# locklint: ignore[LCK1]")\n'
    path.write_text(HEAD + line + TAIL)
    added = silence(path)
    assert added.findings == 0
    assert added.problems == [f"{path}: 1 finding cannot be suppressed by a comment"]
    assert path.read_text() == HEAD + line + TAIL


def test_a_file_that_does_not_parse_cannot_be_silenced(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("import threading\nlock = threading.Lock(\n")
    report = check([str(path)], Config())
    added = add_ignores(report.diagnostics, report.sources)
    assert added.findings == 0
    assert "LCK901 cannot be suppressed by a comment" in added.problems[0]
