"""Scanning a checkout that means harm: nothing outside of it is written, nothing waits."""

from __future__ import annotations

import os
import signal
import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from locklint.engine import cache_folder, cache_store, read
from locklint.engine.cache_folder import FOLDER
from locklint.engine.cache_store import FACTS, CacheFile, CacheStore, Kind
from locklint.engine.store import FORMAT
from tests.engine.conftest import Say

LEAK = """\
import threading

lock = threading.Lock()


def leak(work):
    lock.acquire()
    work()
    lock.release()
"""


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Ends a test that waits for a pipe."""

    def late(number: int, frame: object) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the user's, with a file that is dear to them."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "dear").write_text("dear\n")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one finding, which the process works in, with the cache switched on."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "m.py").write_text(LEAK)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("LOCKLINT_NO_CACHE")
    return folder


def _state(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# -- the cache ------------------------------------------------------------------------------

NAMES = (
    ".gitignore",
    "CACHEDIR.TAG",
    *(
        f"{store}.sqlite{end}"
        for store in ("store", "runs", "facts")
        for end in ("", "-journal", "-wal")
    ),
)


@pytest.mark.parametrize(
    ("name", "target"), [("", ""), ("CACHEDIR.TAG", "new"), *((name, "dear") for name in NAMES)]
)
def test_a_link_in_the_cache_is_not_followed(
    checkout: Path, outside: Path, say: Say, name: str, target: str
) -> None:
    if name:
        (checkout / FOLDER).mkdir()
        (checkout / FOLDER / name).symlink_to(outside / target)
    else:
        (checkout / FOLDER).symlink_to(outside)
    status, out, err = say("check")
    assert (status, "LCK102" in out) == (1, True)
    place = f"{FOLDER}/{name}".rstrip("/")
    assert err == f"warning: the cache is not used: {place}: is a symbolic link\n"
    assert _state(outside) == {"dear": b"dear\n"}


def test_quiet_runs_say_nothing_of_a_link(checkout: Path, outside: Path, say: Say) -> None:
    (checkout / FOLDER).symlink_to(outside)
    assert say("check", "-q")[2] == ""
    assert _state(outside) == {"dear": b"dear\n"}


def test_a_hard_link_in_the_cache_is_not_written_to(
    checkout: Path, outside: Path, say: Say
) -> None:
    (checkout / FOLDER).mkdir()
    (outside / "store").touch()
    os.link(outside / "store", checkout / FOLDER / "store.sqlite")
    assert "store.sqlite: is a hard link to another file" in say("check")[2]
    assert (outside / "store").read_bytes() == b""


@pytest.mark.parametrize("name", ["CACHEDIR.TAG", "store.sqlite", "facts.sqlite"])
def test_a_pipe_in_the_cache_is_not_waited_for(checkout: Path, say: Say, name: str) -> None:
    (checkout / FOLDER).mkdir()
    os.mkfifo(checkout / FOLDER / name)
    status, _, err = say("check")
    assert status == 1
    assert err == f"warning: the cache is not used: {FOLDER}/{name}: is not a regular file\n"
    assert say("clean")[0] == 0


def test_a_folder_for_the_cache_may_not_lead_out(checkout: Path, outside: Path, say: Say) -> None:
    (checkout / "build").symlink_to(outside)
    assert "leads there, out of the working directory" in say("check", "--cache-dir=build/c")[2]
    assert _state(outside) == {"dear": b"dear\n"}


def test_a_journal_that_names_a_file_does_not_delete_it(
    checkout: Path, outside: Path, say: Say
) -> None:
    """SQLite deletes the file that a journal names as that of several databases together."""
    say("check")
    store = checkout / FOLDER / "store.sqlite"
    name = os.fsencode(outside / "dear")
    magic = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
    head = (magic + struct.pack(">IIIII", 0, 1, store.stat().st_size // 4096, 512, 4096)).ljust(512)
    named = struct.pack(">I", 0x40000000 // 4096 + 1) + name
    named += struct.pack(">II", len(name), sum(name)) + magic
    Path(f"{store}-journal").write_bytes(head.replace(b" ", b"\0", 0) + named)
    assert say("check")[0] == 1
    assert (outside / "dear").exists()
    assert not Path(f"{store}-journal").exists()


def test_clean_does_not_follow_a_link(checkout: Path, outside: Path, say: Say) -> None:
    (outside / "CACHEDIR.TAG").write_text(cache_folder._TAG)
    (checkout / FOLDER).symlink_to(outside)
    assert say("clean") == (2, "", f"error: {FOLDER}: cannot be removed: it is a symbolic link\n")
    assert (outside / "dear").exists()


# -- stores that somebody else has made -----------------------------------------------------


def _store(path: Path, *statements: str) -> None:
    """A store of locklint's by its head, with other things in it."""
    with sqlite3.connect(path) as store:
        for statement in statements:
            store.execute(statement)
        store.execute(f"pragma application_id = {cache_store._APPLICATION}")
        store.execute(f"pragma user_version = {FORMAT}")
    store.close()


def _put(store: CacheStore, blobs: dict[bytes, bytes]) -> None:
    for key, data in blobs.items():
        store.put(key, data)
    store.flush()


ENDLESS = (
    "with recursive n(i) as (select 1 union all select i + 1 from n)"
    " select zeroblob(9) as key, zeroblob(9) as data, zeroblob(9) as checksum, i as used from n"
)


@pytest.mark.parametrize(
    "statements",
    [
        (f"create view facts as {ENDLESS}",),
        ("create table facts (key, data, checksum, used)",),
        (
            *cache_store._TABLES,
            "create trigger t after insert on facts begin delete from facts; end",
        ),
        (*cache_store._TABLES, "create table other (x)"),
        (*cache_store._TABLES, "pragma journal_mode = wal"),
        (*(f"create table t{number} (x)" for number in range(9)),),
    ],
)
def test_a_store_with_another_schema_is_made_anew(
    tmp_path: Path, statements: tuple[str, ...]
) -> None:
    path = tmp_path / "store.sqlite"
    _store(path, *statements)
    file = CacheFile(tmp_path)
    facts = CacheStore(file, FACTS)
    assert facts.get(b"key") is None
    _put(facts, {b"key": b"data"})
    assert (facts.get(b"key"), file.trouble) == (b"data", "")
    with sqlite3.connect(path) as plain:
        kinds = plain.execute("select type, sql from sqlite_master").fetchall()
    plain.close()
    assert kinds == [(kind, sql) for kind, _, _, sql in cache_store._SCHEMA]


def test_a_blob_counts_under_its_own_key_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    facts = CacheStore(CacheFile(tmp_path), FACTS)
    _put(facts, {b"key": b"data"})
    with sqlite3.connect(path) as plain:
        plain.execute("update facts set key = ?", (b"other",))
    plain.close()
    assert (facts.get(b"key"), facts.get(b"other")) == (None, None)


def test_a_store_that_costs_too_much_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    _put(CacheStore(CacheFile(tmp_path), FACTS), {b"%d" % i: b"x" for i in range(5000)})
    monkeypatch.setattr(cache_store, "_STEPS", 10)
    monkeypatch.setattr(cache_store, "_MOST_STEPS", 1000)
    file = CacheFile(tmp_path)
    _put(CacheStore(file, Kind("facts", 1000, 10)), {b"key": b"data"})
    assert "interrupted" in file.trouble
    assert not path.exists()


def test_a_store_of_absurd_size_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    facts = CacheStore(CacheFile(tmp_path), FACTS)
    _put(facts, {b"key": b"data"})
    with path.open("ab") as file:
        file.truncate(cache_store._MOST_FILE_BYTES + 1)
    assert facts.get(b"key") is None
    assert path.stat().st_size < 100_000


# -- what is written because the user asked for it ------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("check", "-o", "{}"),
        ("check", "--output-format=sarif:{}"),
        ("index", "-o", "{}"),
        ("graph", "-o", "{}"),
        ("baseline", "--baseline", "{}"),
        ("check", "--update-baseline", "--baseline", "{}"),
    ],
)
@pytest.mark.parametrize("name", ["link", "folder/dear", "folder/new", "pipe"])
def test_output_goes_where_its_name_says(
    checkout: Path, outside: Path, say: Say, words: tuple[str, ...], name: str
) -> None:
    (outside / "dear").write_text("")  # An empty file is an empty baseline.
    (checkout / "link").symlink_to(outside / "dear")
    (checkout / "folder").symlink_to(outside)
    os.mkfifo(checkout / "pipe")
    status, _, err = say(*(word.format(name) for word in words))
    assert status == 2
    assert "symbolic link" in err or "is not a regular file" in err
    assert _state(outside) == {"dear": b""}


def test_a_folder_that_leads_elsewhere_within_the_checkout_is_fine(
    checkout: Path, say: Say
) -> None:
    (checkout / "real").mkdir()
    (checkout / "folder").symlink_to("real")
    assert say("check", "-o", "folder/out")[0] == 1
    assert "LCK102" in (checkout / "real" / "out").read_text()


def test_comments_are_not_written_through_links(checkout: Path, outside: Path, say: Say) -> None:
    (outside / "other.py").write_text(LEAK)
    before = _state(outside)
    (checkout / "m.py").unlink()
    (checkout / "m.py").symlink_to(outside / "other.py")
    status, _, err = say("check", "--add-ignore")
    assert status == 2
    assert "m.py: no comments added: it is a symbolic link" in err
    (checkout / "src").symlink_to(outside)
    status, _, err = say("check", "src", "--add-ignore")
    assert status == 2
    assert "src/other.py: no comments added: a symbolic link leads there" in err
    assert _state(outside) == before


@pytest.mark.parametrize("name", ["../outside/new", "folder/new", "../outside/dear"])
def test_settings_name_no_baseline_outside_of_the_project(
    checkout: Path, outside: Path, say: Say, name: str
) -> None:
    (outside / "dear").write_text("# Nothing but a comment: to read it does no harm.\n")
    before = _state(outside)
    (checkout / "folder").symlink_to(outside)
    (checkout / "locklint.toml").write_text(f'baseline = "{name}"\n')
    status, _, err = say("baseline")
    assert status == 2
    assert "lies outside of the project, and is no baseline yet" in err
    assert _state(outside) == before


def test_projects_may_share_a_baseline(checkout: Path, say: Say) -> None:
    shared = checkout / "shared.txt"
    package = checkout / "package"
    package.mkdir()
    (package / "m.py").write_text(LEAK)
    (package / "locklint.toml").write_text('baseline = "../shared.txt"\n')
    assert say("baseline", "package", "--baseline=shared.txt")[0] == 0
    os.chdir(package)
    shared.write_text(shared.read_text() + "gone.py\tLCK102\tf\tlock\t0123456789abcdef\n")
    assert say("baseline")[0] == 0
    assert "gone.py" not in shared.read_text()


# -- files that are read --------------------------------------------------------------------

READ = {
    "pyproject.toml": ("check",),
    "locklint.toml": ("check",),
    ".locklint.toml": ("check",),
    "named.toml": ("check", "--config=named.toml"),
    "extended.toml": ("check", "--config=extends.toml"),
    "baseline.txt": ("check", "--baseline=baseline.txt"),
    "part.lki": ("check", "--from-index=part.lki"),
    "old.json": ("diff", "old.json", "old.json"),
    "ruff.toml": ("check",),
    ".gitignore": ("check",),
    ".git": ("check",),
}
PASSED_OVER = {"ruff.toml", ".gitignore", ".git"}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_special_files_are_neither_waited_for_nor_read(
    checkout: Path, say: Say, name: str, kind: str
) -> None:
    (checkout / "extends.toml").write_text('extend = "extended.toml"\n')
    (checkout / "m.py").write_text(LEAK.replace("release()", "release()  # noqa: LCK104"))
    if kind == "pipe":
        os.mkfifo(checkout / name)
    else:
        (checkout / name).symlink_to("/dev/null")
    status, _, err = say(*READ[name])
    assert status == (1 if name in PASSED_OVER else 2)
    assert ("it is not a regular file" in err) is (name not in PASSED_OVER)


@pytest.mark.parametrize("name", [name for name in READ if name not in PASSED_OVER])
def test_files_of_absurd_size_are_not_read(checkout: Path, say: Say, name: str) -> None:
    (checkout / "extends.toml").write_text('extend = "extended.toml"\n')
    with (checkout / name).open("wb") as file:
        file.truncate(2 << 30)
    status, _, err = say(*READ[name])
    assert status == 2
    assert "it is larger than" in err


def test_standard_input_has_a_limit(
    checkout: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MOST_BYTES", 20)
    with (checkout / "m.py").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        status, _, err = say("check", "-")
    assert status == 2
    assert err == "error: cannot read standard input: it is larger than 20 bytes\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a." * 100_000 + "a = 1", "a key has too many parts"),
        ("['a'" + " . 'a'" * 100_000 + "]", "a key has too many parts"),
        ("a = " + "[" * 100_000, "the values are nested too deeply"),
        ("a = " + "9" * 5000, "Exceeds the limit"),
        ("x = [\n" + "1,\n" * 300_000 + "]\n", "unknown setting `x`"),
    ],
)
def test_settings_that_are_bombs_are_refused(
    checkout: Path, say: Say, text: str, message: str
) -> None:
    (checkout / "locklint.toml").write_text(text)
    status, _, err = say("check")
    assert status == 2
    assert message in err


# -- names ----------------------------------------------------------------------------------

NAMES_THAT_COMMAND = (
    "::error file=x::y.py",
    "##vso[task.setvariable variable=p]q.py",
    "a\n::error::b.py",
    "a\x1b[31mb.py",
    "a\u202eb.py",
    "a\udcffb.py",
)


@pytest.mark.parametrize("name", NAMES_THAT_COMMAND)
@pytest.mark.parametrize(
    "words", [("-v",), ("--output-format=concise",), ("--show-files",), ("--add-ignore",)]
)
def test_names_of_files_are_not_obeyed(
    checkout: Path, say: Say, name: str, words: tuple[str, ...]
) -> None:
    (checkout / "m.py").rename(checkout / name)
    (checkout / ("broken" + name)).write_text("def lock(:\n")
    _, out, err = say("check", "-n", *words)
    for text in (out, err):
        lines = text.splitlines()
        assert not any(line.lstrip().startswith("::e") or "##vso[" in line for line in lines)
        assert not any("\x1b" in line or "\u202e" in line for line in lines)
    assert "y.py" in out + err or "q.py" in out + err or "b.py" in out + err


def test_a_file_that_is_shown_like_another_is_not_passed_over_in_silence(
    checkout: Path, say: Say
) -> None:
    (checkout / "m.py").rename(checkout / "a\x1b.py")
    (checkout / r"a\x1b.py").write_text("")
    status, out, _ = say("check", "--output-format=concise")
    assert status == 1
    assert r"a\x1b.py:1:1: LCK901 is not analysed: its name is shown like another file's" in out


@pytest.mark.parametrize("name", NAMES_THAT_COMMAND)
def test_changes_of_files_with_odd_names_are_seen(checkout: Path, say: Say, name: str) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "m.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    (checkout / name).write_text(LEAK)
    status, out, _ = say("check", "--changed-since=HEAD", "--output-format=concise")
    assert (status, out.count("LCK102")) == (1, 1)
    status, out, _ = say("check", "--output-format=concise", "--report-only-for", "--", name)
    assert (status, out.count("LCK102")) == (1, 1)
