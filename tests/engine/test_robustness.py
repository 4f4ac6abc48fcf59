"""Whatever is in a file, there is a clear answer, in bounded time and memory, and no crash."""

from __future__ import annotations

import gc
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import locklint
from locklint.cli import main
from locklint.core.config import Config
from locklint.core.diagnostic import Severity
from locklint.engine.pipeline import check
from locklint.frontend import written_locks
from locklint.frontend.static_resolver import StaticResolver
from locklint.index.declarations import FunctionDecl, ModuleIndex

HEAD = "import threading\nlock = threading.Lock()\n"
LEAK = "def leak():\n    lock.acquire()\n    work()\n    lock.release()\n"
PROGRAM = HEAD + LEAK
LEAKS = ["4: LCK102"]

Findings = list[str]


def _check(folder: Path, data: bytes | str) -> Findings:
    """The findings for a file of this content: line, code and, for LCK901, the message."""
    path = folder / "file.py"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    report = check([str(path)], Config(profile="strict"))
    assert [error.traceback for error in report.errors] == []
    return [
        f"{each.span.line}: {each.code}"
        + (f" {each.message}" if each.code == "LCK901" else "")
        + (" (info)" if each.severity is Severity.INFO else "")
        for each in report.diagnostics
        if each.severity > Severity.INFO or each.code == "LCK901"
    ]


BYTES: dict[str, tuple[bytes, Findings]] = {
    "nothing": (b"", []),
    "a byte-order mark alone": (b"\xef\xbb\xbf", []),
    "comments alone": (b"# lock.acquire()\n\n# threading.Lock()\n", []),
    "a byte-order mark": (b"\xef\xbb\xbf" + PROGRAM.encode(), LEAKS),
    "no newline at the end": (PROGRAM.strip().encode(), LEAKS),
    "line ends of Windows": (PROGRAM.replace("\n", "\r\n").encode(), LEAKS),
    "line ends of old": (PROGRAM.replace("\n", "\r").encode(), LEAKS),
    "line ends of all kinds": (PROGRAM.replace("\n", "\r\n", 3).encode() + b"x = 1\r", LEAKS),
    "form feeds": (
        (HEAD + "\x0c\n\x0c" + LEAK.replace("    work", "\x0c    work")).encode(),
        ["5: LCK102"],
    ),
    "separators that are no line ends": (
        (HEAD + 'x = "\u2028 \x85 \x1c"  # \u2029 \x1d\n' + LEAK).encode(),
        ["5: LCK102"],
    ),
    "tabs": (PROGRAM.replace("    ", "\t").encode(), LEAKS),
    "latin-1, undeclared": (
        HEAD.encode() + b'x = "\xe9"\n',
        ["3: LCK901 byte 0xe9 is not valid UTF-8, and no other encoding is declared"],
    ),
    "latin-1, declared": (
        b"# coding: latin-1\n" + HEAD.encode() + b'x = "\xe9"\n' + LEAK.encode(),
        ["6: LCK102"],
    ),
    "null byte": (
        HEAD.encode() + b'x = "\0"\n',
        ["3: LCK901 the file contains a null byte, which is not allowed in source files"],
    ),
    "UTF-16 that looks like ASCII": (
        b"\xff\xfe" + HEAD.encode(),
        ["1: LCK901 the file is in UTF-16 or UTF-32, which is not allowed for source files"],
    ),
    "encoded surrogate": (
        HEAD.encode() + b'x = "\xed\xa0\x80"\n',
        ["3: LCK901 byte 0xed is not valid UTF-8, and no other encoding is declared"],
    ),
    "surrogate of another encoding": (
        b"# coding: utf-7\n" + HEAD.encode() + b'x = "+2AA-"\n',
        ["4: LCK901 the file contains half of a surrogate pair, which is not a character"],
    ),
    "escaped surrogates": (PROGRAM.replace("work()", 'work("\\ud800")').encode(), LEAKS),
    "identifiers that Python normalises": (
        (HEAD + LEAK.replace("lock", "𝓵𝓸𝓬𝓴")).encode(),
        ["4: LCK102"],
    ),
}

CODE: dict[str, tuple[str, Findings]] = {
    "what only the compiler refuses": (
        HEAD
        + "def f(a, a):\n    nonlocal lock\n    break\n    await x\n    lock.release(*b, *c)\n",
        [],
    ),
    "key of 5,000 digits": (
        HEAD + f"locks = {{}}\nlocks[0x{'f' * 5000}] = lock\n",
        [],
    ),
    "integer of 5,000 digits": (
        HEAD + f"def f():\n    lock.acquire(timeout=0x{'f' * 5000})\n    lock.release()\n",
        ["4: LCK201"],
    ),
    "class of itself": (
        "import threading\nclass A(A):\n    lock = A.lock\n    lock.acquire()\n",
        [],
    ),
    "values of each other": (
        "a = b\nb = a\nc = c.d\nd = d()\ne = [e]\n"
        "def f():\n    a.acquire(); c.acquire(); d.acquire(); e[0].acquire()\n    lock()\n",
        [],
    ),
    "default factory of itself": (
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n"
        "    lock: int = field(default_factory=field)\n"
        "    def f(self):\n        self.lock.acquire()\n",
        [],
    ),
    "bases in diamonds": (
        "import threading\nclass A0:\n    lock = threading.Lock()\nclass B0(A0): pass\n"
        + "".join(f"class {x}{i + 1}(A{i}, B{i}): pass\n" for i in range(40) for x in "AB")
        + "class C(B40):\n    def f(self):\n        self.lock.acquire()\n        work()\n",
        [],
    ),
    "calls of two each": (
        HEAD
        + "def f0():\n    return lock\n"
        + "".join(f"def f{i + 1}():\n    return f{i}(f{i}()) or f{i}()\n" for i in range(40))
        + "def g():\n    f40().acquire()\n",
        [],
    ),
    "chain of 500 attributes": (HEAD + f"def f():\n    x.{'a.' * 500}lock.acquire()\n", []),
    "chain of 400 calls": (PROGRAM.replace("work()", f"work{'.x()' * 400}"), LEAKS),
    "chain of 500 subscripts": (PROGRAM.replace("work()", f"work{'[0]' * 500}()"), LEAKS),
    "sum of 900 terms": (PROGRAM.replace("work()", "work(" + "+ 1" * 900 + ")"), LEAKS),
    "comparison of 3,000 terms": (PROGRAM.replace("work()", "work(0" + "< 1" * 3000 + ")"), LEAKS),
    "list of 3,000 calls": (PROGRAM.replace("work()", "[" + "work(),\n" * 3000 + "]"), LEAKS),
    "3,000 adjacent strings": (PROGRAM.replace("work()", "work(" + "'a'\n" * 3000 + ")"), LEAKS),
    "90 brackets": (PROGRAM.replace("work()", f"{'[' * 90}work(){']' * 90}"), LEAKS),
    "199 brackets": (PROGRAM.replace("work()", f"work({'(' * 199}1{')' * 199})"), LEAKS),
    "500 lambdas": (PROGRAM.replace("work()", f"work({'lambda: ' * 500}1)"), LEAKS),
    "500 negations": (PROGRAM.replace("work()", f"work({'not ' * 500}x)"), LEAKS),
    "500 choices": (PROGRAM.replace("work()", f"work({'1 if x else ' * 500}2)"), LEAKS),
    "500 ways of an if": (
        HEAD
        + "def f(x):\n    if x == 0:\n        work()\n"
        + "".join(
            f"    elif x == {i}:\n        with lock:\n            work()\n" for i in range(500)
        ),
        [],
    ),
    "500 decorators": (HEAD + "@decorator\n" * 500 + LEAK, ["504: LCK102"]),
    "2,000 parameters": (
        HEAD + LEAK.replace("()", f"({', '.join(f'p{i}=lock' for i in range(2000))})", 1),
        LEAKS,
    ),
    "2,000 definitions of one name": (
        HEAD + LEAK * 300,
        [f"{4 + 4 * i}: LCK102" for i in range(300)],
    ),
    "5,000 aliases": (
        HEAD
        + "x0 = lock\n"
        + "".join(f"x{i + 1} = x{i}\n" for i in range(5000))
        + "def f():\n    with x5000:\n        work()\n",
        [],
    ),
    "500 classes in a row": (
        "import threading\nclass C0:\n    lock = threading.Lock()\n"
        + "".join(f"class C{i + 1}(C{i}): pass\n" for i in range(500))
        + "class D(C500):\n    def f(self):\n        with self.lock:\n            work()\n",
        [],
    ),
}


REFUSED = {
    "missing name": HEAD + "def f(:\n",
    "missing body": HEAD + "def f():\nlock.acquire()\n",
    "missing indentation": HEAD + "def f():\n    if x:\n        lock.acquire()\n  work()\n",
    "tabs and blanks": HEAD + "def f():\n        lock.acquire()\n\twork()\n",
    "open string": HEAD + 'x = """\n',
    "open bracket": HEAD + "x = (\n",
    "backslash at the end": PROGRAM + "x = \\",
    "assignment to a constant": HEAD + "None = lock.acquire()\n",
    "integer of 5,000 digits": HEAD + f"x = {'1' * 5000}\n",
    "vertical tab": HEAD + "\x0bwork()\n",
    "500 brackets": PROGRAM.replace("work()", f"{'[' * 500}work(){']' * 500}"),
    "5,000 calls in each other": PROGRAM.replace("work()", f"{'work(' * 5000}{')' * 5000}"),
    "5,000 attributes": f"x.{'a.' * 5000}lock.acquire()\n",
    "3,000 terms": PROGRAM.replace("work()", "work(" + "+ 1" * 3000 + ")"),
    "50,000 terms": PROGRAM + "x = 0" + "+ 1" * 50_000 + "\n",
    "5,000 negations": PROGRAM.replace("work()", f"work({'not ' * 5000}x)"),
    "5,000 lambdas": PROGRAM.replace("work()", f"work({'lambda: ' * 5000}x)"),
    "3,000 ways of an if": HEAD
    + "def f(x):\n    if x:\n        lock.acquire()\n"
    + "".join(f"    elif x == {i}:\n        lock.release()\n" for i in range(3000)),
    "noise": "lock.acquire" + "".join(chr(33 + i * i % 94) for i in range(100_000)),
}


@pytest.mark.parametrize(("data", "findings"), BYTES.values(), ids=BYTES)
def test_bytes(data: bytes, findings: Findings, tmp_path: Path) -> None:
    assert _check(tmp_path, data) == findings


@pytest.mark.parametrize(("text", "findings"), CODE.values(), ids=CODE)
def test_code(text: str, findings: Findings, tmp_path: Path) -> None:
    assert _check(tmp_path, text) == findings


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_one_finding_says_why_there_is_no_more(text: str, tmp_path: Path) -> None:
    (found,) = _check(tmp_path, text)
    assert re.fullmatch(
        r"\d+: LCK901 (the file does not parse: .+"
        r"|the code is nested too deeply to be analysed \(info\))",
        found,
    )


def _nested(head: str, tail: str, count: int) -> str:
    """A fault within so many blocks; ``tail`` follows each of them."""
    lines = ["def f():", *(f"{' ' * level}{head}" for level in range(1, count + 1))]
    inner = " " * (count + 1)
    lines += [f"{inner}lock.acquire()", f"{inner}work()", f"{inner}lock.release()"]
    for level in range(count, 0, -1) if tail else ():
        lines += [f"{' ' * level}{tail}:", f"{' ' * level} clean()"]
    return HEAD + "\n".join(lines) + "\n"


BLOCKS = {
    "if": ("if x:", ""),
    "with": ("with x:", ""),
    "for": ("for x in y:", ""),
    "while": ("while x:", ""),
    "def": ("def f():", ""),
    "class": ("class A:", ""),
    "finally": ("try:", "finally"),
    "except": ("try:", "except ValueError"),
    "else": ("for x in y:", "else"),
}


@pytest.mark.parametrize("count", [18, 97])
@pytest.mark.parametrize(("head", "tail"), BLOCKS.values(), ids=BLOCKS)
def test_nested_blocks(head: str, tail: str, count: int, tmp_path: Path) -> None:
    assert f"{count + 4}: LCK102" in _check(tmp_path, _nested(head, tail, count))


@pytest.mark.parametrize(("head", "tail"), BLOCKS.values(), ids=BLOCKS)
def test_more_blocks_than_python_reads(head: str, tail: str, tmp_path: Path) -> None:
    assert _check(tmp_path, _nested(head, tail, 500)) == [
        "103: LCK901 the file does not parse: too many levels of indentation"
    ]


def _finally_in_finally(count: int) -> str:
    lines = ["def f():"]
    for level in range(1, count + 1):
        lines += [f"{' ' * level}{each}" for each in ("try:", " if work(): return", "finally:")]
    return HEAD + "\n".join([*lines, f"{' ' * (count + 1)}lock.release()"]) + "\n"


def _many_functions() -> str:
    return HEAD + "".join(
        f"def f{i}(x):\n    with lock:\n        try:\n            work(x)\n"
        f"        finally:\n            done(x)\n    return x\n\n"
        for i in range(1500)
    )


ROW = "'key', (1, 2, [3, 4]), {'a': 5},\n"

LARGE: dict[str, tuple[str, str]] = {
    "12,000 lines of functions": (_many_functions(), "No findings."),
    "30,000 lines in a function": (
        HEAD + "def f():\n    with lock:\n" + "        x = work()\n" * 30_000,
        "Not analysed: 1 function (too large)",
    ),
    "30,000 statements of a module": (
        HEAD + "lock.acquire()\nlock.release()\n" * 15_000,
        "Not analysed: 1 file (too large)",
    ),
    "a table of 20,000 rows": (f"{HEAD}x = [\n{ROW * 20_000}]\n{LEAK}", "file.py:20006:5: LCK102"),
    "a table of 20,000 rows in a function": (
        f"{HEAD}def f():\n    lock.acquire()\n    x = [\n{ROW * 20_000}]\n{LEAK}",
        "Not analysed: 1 function (too large)",
    ),
    "a line of 10 MB": (f"{PROGRAM}x = '{'x' * 10_000_000}'\n", "file.py:4:5: LCK102"),
    "a line of 10 MB in a function": (
        PROGRAM.replace("work()", f"work('{'é' * 5_000_000}')"),
        "file.py:4:5: LCK102",
    ),
    "a list of 2,000,000": (
        f"{PROGRAM}x = [{'1,' * 2_000_000}]\n",
        "Not analysed: 1 file (too large)",
    ),
    "a line of 3,000 calls": (
        PROGRAM.replace("work()", "work('é'); " * 3000),
        "file.py:4:5: LCK102",
    ),
    "finally in finally": (_finally_in_finally(30), "No findings."),
    "2,000 locks after each other": (
        HEAD + "def f(x):\n" + "    with x.lock:\n        work()\n" * 2000,
        "No findings.",
    ),
    "comprehension of 300 loops": (
        PROGRAM.replace("work()", "[x " + "for x in y " * 300 + "]"),
        "file.py:4:5: LCK101",
    ),
}

MEASURED = """
import os, resource, sys
from locklint.cli import main
status = main(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = usage.ru_maxrss // 1024
if os.path.exists("/proc/self/status"):
    # Linux hands the peak of the process that has started this one on to it.
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM:"))
print(usage.ru_utime + usage.ru_stime, peak, file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
@pytest.mark.parametrize(("text", "expected"), LARGE.values(), ids=LARGE)
def test_time_and_memory_are_bounded(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(text)
    source_folder = str(Path(locklint.__file__).parents[1])
    arguments = ["check", "--isolated", "--output-format", "concise", "file.py"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": source_folder},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert expected in done.stdout
    assert done.returncode == (1 if "LCK" in done.stdout else 0)
    seconds, megabytes = map(float, done.stderr.splitlines()[-1].split())
    assert seconds < 20
    assert megabytes < 500


def _main(folder: Path, *paths: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(folder)
    return main(["check", "--isolated", "--output-format", "concise", *paths])


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of what is no file of source text, and a good file beside it."""
    (tmp_path / "good.py").write_text(PROGRAM)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder.py" / "inner.py").write_text(PROGRAM)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(tmp_path / "socket.py"))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_odd_files_are_named_and_the_rest_is_analysed(
    odd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(odd, ".", monkeypatch=monkeypatch) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if ".py:" in line]
    assert [line.partition(" `")[0].removesuffix(" [error]") for line in lines] == [
        "dangling.py:1:1: LCK901 is a broken symbolic link",
        "folder.py/inner.py:4:5: LCK102",
        "good.py:4:5: LCK102",
        "loop.py:1:1: LCK901 is a broken symbolic link",
        "pipe.py:1:1: LCK901 is a named pipe, not a file of source text",
        "socket.py:1:1: LCK901 is a socket, not a file of source text",
        "zero.py:1:1: LCK901 is a device, not a file of source text",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("good.py", 1),
        ("folder.py", 1),
        ("again", 1),
        ("dangling.py", 2),
        ("loop.py", 2),
        ("pipe.py", 2),
        ("socket.py", 2),
        ("zero.py", 2),
        ("nothing.py", 2),
    ],
)
def test_exit_status_of_odd_files(
    odd: Path, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _main(odd, path, monkeypatch=monkeypatch) == status


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(PROGRAM)
    path.chmod(0)
    (found,) = check([str(path)], Config()).diagnostics
    assert found.message == "the file cannot be read: Permission denied"


def test_a_name_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsencode(tmp_path) + b"/odd\xff\nname.py"
    try:
        with open(name, "w") as file:
            file.write(PROGRAM)
    except OSError:
        pytest.skip("the file system has no such names")
    assert _main(tmp_path, ".", monkeypatch=monkeypatch) == 1


def test_a_run_leaves_no_syntax_tree_to_the_collector(tmp_path: Path) -> None:
    (tmp_path / "locks.py").write_text(PROGRAM + "class A:\n    def f(self):\n        leak()\n")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        check([str(tmp_path)], Config())
        gc.unfreeze()
        gc.collect()
        modules = {type(each).__module__.partition(".")[0] for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert modules.isdisjoint({"ast", "libcst"})


def test_a_defect_in_asking_about_one_file_is_told_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made.py").write_text(HEAD)
    for name in ("odd", "right"):
        (tmp_path / f"{name}.py").write_text(f"from made import lock\n{LEAK}")
    asked = written_locks.touches_lock

    def broken(resolver: StaticResolver, index: ModuleIndex, decl: FunctionDecl) -> bool:
        if index.module == "odd":
            raise KeyError("x")
        return asked(resolver, index, decl)

    monkeypatch.setattr("locklint.engine.function_search.touches_lock", broken)
    report = check([str(tmp_path)], Config())
    assert [(error.path, error.message) for error in report.errors] == [
        (str(tmp_path / "odd.py"), "KeyError: 'x'")
    ]
    assert [(Path(each.path).name, each.code) for each in report.diagnostics] == [
        ("right.py", "LCK102")
    ]
