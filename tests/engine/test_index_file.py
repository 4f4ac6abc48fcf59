"""Index files: carried elsewhere, wrong, damaged, or out of date."""

from __future__ import annotations

import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from locklint.engine import store, workers
from locklint.engine.facts import FileFacts
from locklint.engine.index_file import _DIGEST_BYTES, _MAGIC, Index, read_index, write_index
from locklint.engine.store import digest
from tests.engine.conftest import Say

EXAMPLES = Path(__file__).parents[2] / "examples"

LEAK = """\
import threading

lock = threading.Lock()


def leak(work):
    lock.acquire()
    work()
    lock.release()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the process works in."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_sources_need_not_be_there(
    project: Path, tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(EXAMPLES, project / "code")
    (project / "code" / "deep").mkdir()
    (project / "code" / "deep" / "test_it.py").write_text(LEAK)
    (project / "code" / "deep" / "pyproject.toml").write_text(
        '[tool.locklint]\nextend = "../rules.toml"\n'
    )
    (project / "code" / "rules.toml").write_text(
        'per-file-ignores = {"deep/test_*.py" = ["LCK101"]}\nprofile = "strict"\n'
    )
    words = ("--output-format=full", "--show-suppressed")
    status, expected, closing = say("check", "code", *words)
    assert status == 1
    assert say("index", "code", "-o", "all.lki")[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(project / "all.lki", elsewhere)
    monkeypatch.chdir(elsewhere)
    shutil.rmtree(project)
    assert say("check", "--from-index=all.lki", *words) == (1, expected, closing)
    assert say("check", "--from-index=all.lki", "--show-files")[1].startswith("code/")


def test_what_the_index_says_of_the_folders_settings_counts(project: Path, say: Say) -> None:
    (project / "part").mkdir()
    (project / "part" / "m.py").write_text(LEAK)
    (project / "part" / "locklint.toml").write_text('ignore = ["ALL"]\n')
    say("index", "part", "-o", "part.lki")
    (project / "part" / "locklint.toml").unlink()
    assert say("check", "--from-index=part.lki")[0] == 0
    assert say("check", "part")[0] == 1
    say("index", "part", "-o", "part.lki")
    (project / "part" / "locklint.toml").write_text('ignore = ["ALL"]\n')
    assert say("check", "--from-index=part.lki")[0] == 1


def test_facts_are_taken_from_the_index_and_worked_out_where_they_do_not_fit(
    project: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "m.py").write_text(LEAK)
    say("index", "m.py", "-o", "m.lki")
    worked: list[str] = []
    real = workers.find_facts

    def noted(request: workers.FactsRequest) -> object:
        worked.append(request.path)
        return real(request)

    task = msgspec.structs if False else workers
    monkeypatch.setattr(task, "find_facts", noted)
    expected = say("check", "m.py", "--jobs=1")
    assert worked == ["m.py"]
    assert say("check", "--from-index=m.lki", "--jobs=1")[:2] == expected[:2]
    assert worked == ["m.py"]
    store.code.cache_clear()
    monkeypatch.setattr(store, "__version__", "another")
    assert say("check", "--from-index=m.lki", "--jobs=1")[:2] == expected[:2]
    assert worked == ["m.py", "m.py"]
    store.code.cache_clear()


def test_declarations_keep_their_order(project: Path, say: Say) -> None:
    (project / "m.py").write_text(LEAK + "".join(f"def {name}(): lock\n" for name in "zay"))
    say("index", "m.py", "-o", "m.lki")
    facts = msgspec.msgpack.decode(
        zlib.decompress(read_index("m.lki").files[0].facts), type=FileFacts
    )
    assert facts.index is not None
    assert list(facts.index.functions) == ["leak", *"zay"]


def test_the_same_module_name_in_two_indexes(project: Path, say: Say) -> None:
    for folder in ("a", "b"):
        (project / folder).mkdir()
        (project / folder / "run.py").write_text(LEAK.replace("leak", f"leak_{folder}"))
        say("index", folder, "-o", f"{folder}.lki")
    assert say("check", "--from-index=b.lki", "--from-index=a.lki") == say("check", "a", "b")


def test_a_file_in_two_indexes_counts_once_and_must_be_the_same(project: Path, say: Say) -> None:
    (project / "m.py").write_text(LEAK)
    say("index", "m.py", "-o", "one.lki")
    say("index", "m.py", "-o", "two.lki")
    assert say("check", "--from-index=one.lki", "--from-index=two.lki") == say("check", "m.py")
    (project / "m.py").write_text(LEAK + "\n")
    say("index", "m.py", "-o", "two.lki")
    status, out, err = say("check", "--from-index=one.lki", "--from-index=two.lki")
    assert (status, out) == (2, "")
    assert "one.lki and two.lki contain different versions of m.py" in err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "is not an index of `locklint index`"),
        (lambda data: b"PK" + data, "is not an index of `locklint index`"),
        (lambda data: data.replace(b"index 2", b"index 9", 1), "of another version"),
        (lambda data: data[:-1], "is damaged"),
        (lambda data: data[:60] + b"\xff" + data[61:], "is damaged"),
    ],
)
def test_what_is_no_whole_index_is_refused(
    project: Path, say: Say, spoil: Callable[[bytes], bytes], message: str
) -> None:
    (project / "m.py").write_text(LEAK)
    say("index", "m.py", "-o", "m.lki")
    file = project / "m.lki"
    file.write_bytes(spoil(file.read_bytes()))
    status, out, err = say("check", "--from-index=m.lki")
    assert (status, out) == (2, "")
    assert message in err


def test_a_poisoned_index_harms_nobody(project: Path, say: Say) -> None:
    (project / "m.py").write_text(LEAK)
    say("index", "m.py", "-o", "m.lki")
    expected = say("check", "m.py")
    index = read_index("m.lki")
    (file,) = index.files
    bad_facts = msgspec.structs.replace(file, facts=b"no facts")
    write_index(msgspec.structs.replace(index, files=(bad_facts,)), "bad.lki")
    assert say("check", "--from-index=bad.lki") == expected
    bad_data = msgspec.structs.replace(file, data=b"no bytes")
    write_index(msgspec.structs.replace(index, files=(bad_data,)), "bad.lki")
    status, out, _ = say("check", "--from-index=bad.lki")
    assert status == 1
    assert "the index is damaged" in out


@pytest.mark.parametrize(
    "words",
    [
        ("check", "m.py", "--from-index=m.lki"),
        ("check", "--from-index=m.lki", "--watch"),
        ("check", "--from-index=m.lki", "--report-only-for"),
        ("check", "--from-index=m.lki", "--stdin-filename=x.py"),
        ("check", "--from-index=nothing.lki"),
        ("index", "nothing", "-o", "x.lki"),
        ("index", "..", "-o", "x.lki"),
        ("index", "m.py", "-o", "nowhere/x.lki"),
        ("index", "m.py"),
    ],
)
def test_what_makes_no_sense_is_refused(project: Path, say: Say, words: tuple[str, ...]) -> None:
    (project / "m.py").write_text(LEAK)
    (project.parent / "beside.py").write_text(LEAK)
    say("index", "m.py", "-o", "m.lki")
    status, out, err = say(*words)
    assert (status, out) == (2, "")
    assert err
    assert not (project / "x.lki").exists()


def test_files_that_cannot_be_read_are_problems_as_ever(project: Path, say: Say) -> None:
    (project / "null.py").write_bytes(b"import threading\n\0")
    (project / "broken.py").write_text("import threading\nx = (\n")
    expected = say("check")
    assert expected[0] == 1
    assert say("index", "-o", "m.lki")[0] == 0
    assert say("check", "--from-index=m.lki") == expected


def test_an_absolute_path_is_made_relative(project: Path, say: Say) -> None:
    (project / "m.py").write_text(LEAK)
    say("index", str(project), "-o", "m.lki")
    assert say("check", "--from-index=m.lki") == say("check", ".")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((LEAK,), "1 file (1 mentions locks)"),
        (("",), "1 file (0 mention locks)"),
        ((LEAK, LEAK), "2 files (2 mention locks)"),
    ],
)
def test_the_files_are_counted(
    project: Path, say: Say, texts: tuple[str, ...], expected: str
) -> None:
    for number, text in enumerate(texts):
        (project / f"m{number}.py").write_text(text)
    assert say("index", ".", "-o", "all.lki") == (0, "", f"Indexed {expected} in all.lki.\n")


def test_an_index_of_nothing(project: Path) -> None:
    write_index(Index(), "empty.lki")
    assert read_index("empty.lki") == Index()


_ODD: tuple[object, ...] = (
    *(b"", b"\0", b"..", b"/etc/passwd", b"a\nb", b"\xff", b"m.py/x.py", "", "..", "a\n::error::x"),
    *("\x1b[31m", 0, -1, 2**63 - 1, None, [], {}, True, [[b"x", b"y"]], 1.5),
)


def _changed(value: object, chance: random.Random) -> object:
    """Return decoded data in which something is replaced here and there."""
    if chance.random() < 0.06:
        return chance.choice(_ODD)
    return [_changed(each, chance) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(40))
def test_an_index_may_hold_anything(project: Path, say: Say, seed: int) -> None:
    (project / "m.py").write_text(LEAK)
    say("index", "m.py", "-o", "m.lki")
    chance = random.Random(seed)
    start = len(_MAGIC) + _DIGEST_BYTES
    body = bytearray((project / "m.lki").read_bytes()[start:])
    if seed % 2:
        body[chance.randrange(len(body))] = chance.randrange(256)
    else:
        body = bytearray(msgspec.msgpack.encode(_changed(msgspec.msgpack.decode(body), chance)))
    (project / "bad.lki").write_bytes(_MAGIC + digest(bytes(body)) + bytes(body))
    status, out, err = say("check", "--from-index=bad.lki", "--output-format=concise")
    assert status in (0, 1, 2)
    assert "internal error" not in err
    assert not {"\0", "\x1b"} & {*out, *err}
    assert not any(line.startswith("::") for line in (out + err).splitlines())
