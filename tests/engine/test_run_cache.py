"""The cache of reports: the same answers, and never a reason to fail."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from locklint.cli import main
from locklint.core.config import Config
from locklint.engine import pipeline
from locklint.engine.cache_folder import FOLDER, clean
from locklint.engine.cache_store import FACTS, REPORTS, CacheFile, CacheStore, Kind
from locklint.engine.cached_check import cached_check
from locklint.engine.load_config import LoadedConfig
from locklint.engine.report import Report
from locklint.engine.run_cache import RunCache, RunKeys, marks
from locklint.engine.settings import Settings
from locklint.engine.store import digest

EXAMPLES = Path(__file__).parents[2] / "examples"

LEAK = """\
import threading

lock = threading.Lock()


def leak(work):
    lock.acquire()
    work()
    lock.release()
"""

USE = """\
import threading


class Box:
    def __init__(self):
        self.guard = threading.Lock()


def use(box):
    box.guard.acquire()
    print(open("x").read())
    box.guard.release()
"""

Check = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the process works in, with the cache switched on."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("LOCKLINT_NO_CACHE")
    return folder


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one each time that something is analysed and not remembered."""
    found: list[int] = []
    real = pipeline.check

    def check(*arguments: object, **names: object) -> Report:
        found.append(len(found))
        return real(*arguments, **names)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "check", check)
    return found


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Checks the working directory and gives what is printed."""

    def run(*words: str) -> str:
        capsys.readouterr()
        main(["check", *words])
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("format_", ["full", "concise", "json", "sarif", "gitlab", "junit"])
def test_a_warm_run_says_the_same_to_the_byte(
    project: Path, check: Check, analysed: list[int], format_: str
) -> None:
    shutil.copytree(EXAMPLES, project / "examples")
    word = f"--output-format={format_}"
    cold = check(word)
    assert check(word) == cold
    assert len(analysed) == 1
    assert "LCK" in cold


def test_what_has_changed_is_analysed(project: Path, check: Check, analysed: list[int]) -> None:
    file = project / "m.py"
    file.write_text(LEAK)
    assert "LCK102" in check()
    # Of the same size and time, which is all that many tools look at.
    times = file.stat()
    file.write_text(LEAK.replace("lock.acquire()", "lock.locked ()"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "LCK102" not in check()
    assert len(analysed) == 2
    # And back: both are remembered.
    file.write_text(LEAK)
    assert "LCK102" in check()
    assert len(analysed) == 2


def test_a_further_file_without_locks_counts(
    project: Path, check: Check, analysed: list[int]
) -> None:
    (project / "m.py").write_text(LEAK)
    assert "Analysed 1 file " in check()
    (project / "other.py").write_text("x = 1\n")
    assert "Analysed 2 files" in check()
    assert len(analysed) == 2


def test_a_file_without_locks_that_begins_to_use_them_counts(
    project: Path, check: Check, analysed: list[int]
) -> None:
    (project / "box.py").write_text(USE)
    main_file = project / "main.py"
    main_file.write_text("from box import Box, use\n\nprint(Box, use)\n")
    assert "LCK102" not in check()
    main_file.write_text("from box import Box, use\n\nprint(Box)\n")
    assert "LCK102" not in check()
    assert len(analysed) == 1
    main_file.write_text("from box import Box, use\n\nuse(Box())\n")
    assert "LCK102" in check()
    main_file.write_text("from box import Box, use\n\nuse(None)\n")
    assert "LCK102" not in check()
    assert len(analysed) == 3


def test_settings_and_flags_have_keys_of_their_own(
    project: Path, check: Check, analysed: list[int]
) -> None:
    (project / "m.py").write_text(LEAK)
    assert "LCK102" in check()
    assert "LCK102" not in check("--ignore=LCK102")
    (project / "locklint.toml").write_text('ignore = ["LCK102"]\n')
    assert "LCK102" not in check()
    assert len(analysed) == 3


def test_settings_of_a_folder_count(project: Path, check: Check, analysed: list[int]) -> None:
    (project / "pyproject.toml").write_text("[tool.locklint]\n")
    inner = project / "inner"
    inner.mkdir()
    (inner / "m.py").write_text(LEAK)
    assert "LCK102" in check()
    (inner / "locklint.toml").write_text('ignore = ["LCK102"]\n')
    assert "LCK102" not in check()
    assert len(analysed) == 2


def test_no_cache_neither_reads_nor_writes(
    project: Path, check: Check, analysed: list[int]
) -> None:
    (project / "m.py").write_text(LEAK)
    check("--no-cache")
    check("-n")
    assert len(analysed) == 2
    assert not (project / FOLDER).exists()


def test_the_folder_is_marked_and_can_be_placed(project: Path, check: Check) -> None:
    (project / "m.py").write_text(LEAK)
    check()
    assert (project / FOLDER / ".gitignore").read_text() == "*\n"
    assert (project / FOLDER / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172")
    check("--cache-dir=elsewhere")
    assert (project / "elsewhere" / "store.sqlite").is_file()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(b"no database"), id="no-database"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:5000]), id="cut-off"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096),
            id="overwritten",
        ),
        pytest.param(lambda path: _execute(path, "pragma user_version = 99"), id="of-the-future"),
        pytest.param(lambda path: _execute(path, "drop table reports"), id="without-table"),
        pytest.param(lambda path: _execute(path, "update reports set data = x'00'"), id="changed"),
    ],
)
def test_a_broken_or_foreign_store_is_made_anew(
    project: Path, check: Check, analysed: list[int], spoil: Callable[[Path], object]
) -> None:
    (project / "m.py").write_text(LEAK)
    cold = check()
    spoil(project / FOLDER / "store.sqlite")
    assert check() == cold
    assert len(analysed) == 2


def test_an_entry_that_is_no_report_is_not_trusted(
    project: Path, check: Check, analysed: list[int]
) -> None:
    import zlib

    (project / "m.py").write_text(LEAK)
    cold = check()
    with sqlite3.connect(project / FOLDER / "store.sqlite") as store:
        data = zlib.compress(b"\x93\x01\x02\x03")
        store.execute("update reports set data = ?, checksum = ?", (data, digest(data)))
    store.close()
    assert check() == cold
    assert len(analysed) == 2


def test_a_store_that_another_program_keeps_locked_is_passed_over(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    from locklint.engine import cache_store

    monkeypatch.setattr(cache_store, "_PATIENCE", 0.05)
    (project / "m.py").write_text(LEAK)
    cold = check()
    store = sqlite3.connect(project / FOLDER / "store.sqlite")
    store.execute("begin exclusive")
    try:
        assert check() == cold
    finally:
        store.close()


def test_a_place_that_is_no_folder_is_passed_over_and_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "m.py").write_text(LEAK)
    (project / FOLDER).write_text("a file")
    assert main(["check", "-v"]) == 1
    seen = capsys.readouterr()
    assert "LCK102" in seen.out
    assert "the cache is not used" in seen.err


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may write anywhere"
)
def test_a_folder_that_cannot_be_written_is_passed_over(project: Path, check: Check) -> None:
    (project / "m.py").write_text(LEAK)
    project.chmod(0o500)
    try:
        assert "LCK102" in check()
    finally:
        project.chmod(0o700)


def test_a_full_disk_is_no_reason_to_fail(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:

    def full(self: CacheStore, store: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(CacheStore, "_evict", full)
    (project / "m.py").write_text(LEAK)
    assert "LCK102" in check()


def test_runs_at_the_same_time_do_not_disturb_each_other(project: Path) -> None:
    (project / "m.py").write_text(LEAK)
    command = [sys.executable, "-m", "locklint", "check", "--output-format=concise"]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    results = {run.communicate() for run in runs}
    assert len({out for out, _ in results}) == 1
    assert {run.returncode for run in runs} == {1}


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    file = CacheFile(tmp_path / "cache")
    other = CacheStore(file, REPORTS)
    store = CacheStore(file, Kind("facts", max_bytes=100, max_entries=3))
    _put(other, b"other", b"x" * 1000)
    for number in range(3):
        _put(store, bytes([number]), b"x")
    assert store.get(b"\0") == b"x"
    _put(store, b"\3", b"x")
    keys = [bytes([number]) for number in range(4)]
    assert _known(file, keys) == [True, False, True, True]
    _put(store, b"large", b"x" * 98)
    assert _known(file, [*keys, b"large"]) == [True, False, False, True, True]
    _put(store, b"too large", b"x" * 101)
    assert store.get(b"too large") is None
    # No kind makes room for another one.
    assert other.get(b"other") == b"x" * 1000


def _put(store: CacheStore, key: bytes, data: bytes) -> None:
    store.put(key, data)
    store.flush()


def _known(file: CacheFile, keys: list[bytes]) -> list[bool]:
    """Return which keys have facts, without a note that these were of use."""
    store = CacheStore(file, FACTS)
    return [store.get(key) is not None for key in keys]


@pytest.mark.parametrize("is_ours", [True, False])
def test_files_of_older_versions_are_removed(project: Path, check: Check, is_ours: bool) -> None:
    (project / "m.py").write_text(LEAK)
    (project / FOLDER).mkdir()
    for name in ("runs.sqlite", "facts.sqlite"):
        old = project / FOLDER / name
        _execute(old, "create table blobs (key blob primary key)")
        _execute(old, f"pragma application_id = {0x6C6B6C74 if is_ours else 1}")
    assert "LCK102" in check()
    assert (project / FOLDER / "facts.sqlite").exists() is not is_ours
    assert (project / FOLDER / "runs.sqlite").exists() is not is_ours


def test_an_installed_package_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    module = tmp_path / "installed.py"
    module.write_text("a = 1\n")
    cache = RunCache(CacheStore(CacheFile(tmp_path / "cache"), REPORTS))
    key = RunKeys(b"", {})
    cache.put(key, Report(), marks([str(module), str(tmp_path / "missing.py")]))
    assert cache.get(key) is not None
    module.write_text("from threading import Lock as a\n")
    assert cache.get(key) is None


def test_a_run_with_an_error_of_locklints_own_is_not_remembered(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from locklint.engine.report import InternalError

    (project / "m.py").write_text(LEAK)
    cache = CacheFile(project / FOLDER)
    settings = Settings(LoadedConfig(Config()))
    broken = Report(errors=(InternalError("m.py", "broken", ""),))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "check", lambda *arguments, **names: broken)
        assert cached_check(["."], settings, cache).errors
    assert not cached_check(["."], settings, cache).errors


def test_a_file_that_changes_during_the_run_is_not_remembered(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "m.py"
    file.write_text(LEAK)
    cache = CacheFile(project / FOLDER)
    settings = Settings(LoadedConfig(Config()))
    real = pipeline.check

    def check(*arguments: object, **names: object) -> Report:
        file.write_text("x = 1\n")
        return real(*arguments, **names)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "check", check)
        assert not cached_check(["."], settings, cache).diagnostics
    file.write_text(LEAK)
    assert cached_check(["."], settings, cache).diagnostics


def test_a_warm_run_loads_no_parser(project: Path) -> None:
    (project / "m.py").write_text(LEAK)
    program = (
        "import sys; from locklint.cli import main; main(['check', '-q', '--output-format=json']);"
        "print(sorted({'libcst', 'astroid', 'networkx', 'rich',"
        " 'locklint.engine.whole_program', 'locklint.rules'} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    cold = subprocess.run(command, capture_output=True, text=True, check=False)
    warm = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "libcst" in cold.stderr
    assert warm.stderr.strip() == "[]"
    assert warm.stdout == cold.stdout


def test_what_an_interrupt_left_is_not_remembered(project: Path) -> None:
    (project / "m.py").write_text(LEAK)
    cache = CacheFile(project / FOLDER)
    settings = Settings(LoadedConfig(Config()))
    cached_check(["."], settings, cache, is_whole=lambda: False)
    assert _reports(project) == 0
    cached_check(["."], settings, cache)
    assert _reports(project) > 0


def test_clean_removes_the_cache_and_nothing_else(
    project: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "m.py").write_text(LEAK)
    check()
    assert main(["clean"]) == 0
    assert not (project / FOLDER).exists()
    assert "removed" in capsys.readouterr().err
    assert main(["clean"]) == 0
    own = project / "own"
    own.mkdir()
    (own / "data").write_text("precious")
    assert not clean(own)
    assert main(["clean", "--cache-dir=own"]) == 0
    assert (own / "data").read_text() == "precious"


def _reports(project: Path) -> int:
    """Return the number of blobs that are there for whole reports."""
    with sqlite3.connect(project / FOLDER / "store.sqlite") as store:
        (found,) = store.execute("select count(*) from reports").fetchone()
    store.close()
    return int(found)


def _execute(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as store:
        store.execute(statement)
    store.close()
