"""Who works on single files makes no difference to what is said, whatever becomes of them."""

from __future__ import annotations

import concurrent.futures.process
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from locklint.cli import main
from locklint.core.config import Config
from locklint.engine import workers
from locklint.engine.executors import ExecutorProblem, Processes, executors
from locklint.engine.facts import FactSettings, FileFacts, FileInput
from locklint.engine.report import InternalError, lines_of_errors
from locklint.engine.shares import OverExecutor
from locklint.engine.workers import Here

EXAMPLES = Path(__file__).parents[2] / "examples"

# A function of this name ends the process that lowers it.
DEADLY = "def deadly(lock):\n    lock.acquire()\n"


@pytest.fixture
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is a share of its own."""
    monkeypatch.setattr(workers, "SHARE_BYTES", 1)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it, that the process works in."""
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLES, folder)
    monkeypatch.chdir(folder)
    return folder


def _inputs(count: int) -> list[FileInput]:
    text = (
        "import threading\nlock = threading.Lock()\ndef f{0}():\n    lock.acquire()\n    g({0})\n"
    )
    return [
        FileInput(f"m{number}.py", f"m{number}", False, "", text.format(number).encode())
        for number in range(count)
    ]


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    main(["check", "--output-format=json", "--select=ALL", *words])
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [["--jobs=2"], ["--jobs=8"], ["--executor=process"]])
def test_the_number_of_jobs_makes_no_difference(
    project: Path,
    small_shares: None,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    alone = _said(capsys, "--jobs=1")
    assert "LCK3" in alone
    assert _said(capsys, *words) == alone


def test_any_executor_will_do(
    project: Path, small_shares: None, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = _said(capsys, "--jobs=1")
    assert _said(capsys, "--executor=concurrent.futures:ThreadPoolExecutor", "--jobs=3") == alone


def test_the_graph_of_locks_is_the_same(
    project: Path, small_shares: None, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for jobs in ("1", "3"):
        main(["graph", "--jobs", jobs])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--executor=proces"], "proces is not an executor"),
        (["--executor=no_such_module:Pool"], "no_such_module:Pool cannot be imported"),
        (["--executor=concurrent.futures:Nothing"], "cannot be imported"),
        (["--executor=builtins:dict"], "returns no executor: the result has no `submit`"),
        (["--executor=math:pi"], "it cannot be called"),
        (["--executor=math:sqrt"], "failed: TypeError"),
        (["--scheduler=tcp://127.0.0.1:1"], "--scheduler needs --executor=dask"),
    ],
)
def test_an_executor_that_is_none_is_an_error_of_usage(
    project: Path,
    small_shares: None,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert main(["check", *words]) == 2
    seen = capsys.readouterr()
    assert message in seen.err
    assert seen.out == ""


def test_little_work_starts_nothing() -> None:
    def make(jobs: int) -> Executor:
        raise AssertionError("an executor was made")

    made = OverExecutor(_Made(make), 4, print)
    inputs = _inputs(3)
    assert list(made.facts(inputs, FactSettings())) == list(Here().facts(inputs, FactSettings()))


class _Made:
    """Executors from a function."""

    def __init__(self, make: Callable[[int], Executor]) -> None:
        self.make = make

    def __call__(self, jobs: int) -> Executor:
        return self.make(jobs)

    def width(self, jobs: int) -> int:
        return jobs

    def end(self, executor: Executor) -> None:
        executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        pass


class _Deadly(Processes):
    """Processes of which the first to get a certain file dies, as often as it is told to."""

    def __init__(self, folder: Path, deaths: int, name: bytes = b"m3.py") -> None:
        self.lives = folder / "lives"
        self.lives.write_text(str(deaths))
        self.name = name

    def __call__(self, jobs: int) -> Executor:
        pool = super().__call__(jobs)
        submit = pool.submit

        def deadly(work: Callable[[bytes], bytes], data: bytes) -> Future[bytes]:
            return submit(_die_or_work, work, data, str(self.lives), self.name)

        pool.submit = deadly  # type: ignore[method-assign,assignment]
        return pool


def _die_or_work(work: Callable[[bytes], bytes], data: bytes, lives: str, name: bytes) -> bytes:
    if name in data:
        left = int(Path(lives).read_text())
        if left:
            Path(lives).write_text(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
    return work(data)


@pytest.mark.parametrize("deaths", [1, 2])
def test_the_share_of_a_dead_worker_is_done_again(
    tmp_path: Path, small_shares: None, deaths: int
) -> None:
    notes: list[str] = []
    inputs = _inputs(12)
    over = OverExecutor(_Deadly(tmp_path, deaths), 2, notes.append)
    try:
        assert list(over.facts(inputs, FactSettings())) == list(
            Here().facts(inputs, FactSettings())
        )
    finally:
        over.close()
    assert notes
    assert all("a worker died; its share of the work is repeated" in note for note in notes)


def test_a_file_that_kills_every_worker_is_named(tmp_path: Path, small_shares: None) -> None:
    inputs = _inputs(8)
    over = OverExecutor(_Deadly(tmp_path, 1000), 2, lambda note: None)
    try:
        found = list(over.facts(inputs, FactSettings()))
    finally:
        over.close()
    expected = list(Here().facts(inputs, FactSettings()))
    assert found[:3] + found[4:] == expected[:3] + expected[4:]
    (error,) = found[3].lowered.errors
    assert error.path == "m3.py"
    assert "its worker died or failed each time" in error.message


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("failures", [1, 2])
def test_a_pool_whose_own_thread_ends_is_not_waited_for(
    small_shares: None, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    left = iter(range(failures))
    managing = concurrent.futures.process._ExecutorManagerThread
    hand_out = managing.add_call_item_to_queue

    def run_out(thread: Any) -> None:
        if next(left, None) is not None:
            raise MemoryError
        hand_out(thread)

    monkeypatch.setattr(managing, "add_call_item_to_queue", run_out)
    notes: list[str] = []
    inputs = _inputs(12)
    over = OverExecutor(Processes(), 2, notes.append)
    try:
        found = list(over.facts(inputs, FactSettings()))
    finally:
        over.close()
    assert found == list(Here().facts(inputs, FactSettings()))
    assert notes


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("allowed", [0, 1])
def test_a_thread_that_cannot_be_started_is_no_bug(
    project: Path,
    small_shares: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    allowed: int,
) -> None:
    left = iter(range(allowed))
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert main(["check", "--jobs=2", "--no-cache"]) == 2
    said = capsys.readouterr().err
    assert "not enough memory" in said
    assert "bug" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep the limit")
@pytest.mark.parametrize(("limit", "expected"), [(60 << 20, 0), (1 << 40, 1)])
def test_no_process_is_started_where_memory_would_not_suffice(
    project: Path,
    small_shares: None,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    expected: int,
) -> None:
    import resource

    limits = {resource.RLIMIT_AS: (limit, resource.RLIM_INFINITY)}
    real = resource.getrlimit
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind) or real(kind))
    started: list[int] = []
    make = Processes.__call__

    def counted(self: Processes, jobs: int) -> Executor:
        started.append(jobs)
        return make(self, jobs)

    monkeypatch.setattr(Processes, "__call__", counted)
    assert main(["check", "--jobs=2", "--no-cache"]) == 1
    assert bool(started) == bool(expected)


def test_files_without_enough_memory_share_a_line() -> None:
    short = [InternalError.of(f"m{number}.py", MemoryError()) for number in (0, 0, 1, 2)]
    other = InternalError.of("a.py", ValueError("odd"))
    assert lines_of_errors([*short, other, other]) == [
        "a.py: internal error, a bug in locklint: ValueError: odd",
        "m0.py and 2 more: not enough memory",
    ]
    assert lines_of_errors(short[:2]) == ["m0.py: not enough memory"]


def test_an_answer_that_cannot_be_sent_is_worked_out_here(small_shares: None) -> None:
    text = f"import threading\nlock = threading.Lock()\ndef f():\n    lock.acquire({2**70})\n"
    inputs = [*_inputs(2), FileInput("huge.py", "huge", False, "", text.encode())]
    over = OverExecutor(Processes(), 2, print)
    try:
        found = list(over.facts(inputs, FactSettings()))
    finally:
        over.close()
    assert found == list(Here().facts(inputs, FactSettings()))


def test_workers_import_nothing_of_the_code_that_is_analysed(tmp_path: Path) -> None:
    for name in ("multiprocessing", "signal", "libcst", "pickle", "threading", "zlib"):
        (tmp_path / f"{name}.py").write_text("import os\nos.close(os.open('seen', os.O_CREAT))\n")
    for number in range(40):
        (tmp_path / f"m{number}.py").write_text(
            "import threading\nlock = threading.Lock()\n" + "x = [1, 2, 3]\n" * 2000
        )
    command = [sys.executable, "-m", "locklint", "check", "--jobs=2", "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "seen").exists()


def test_facts_need_not_be_read_to_the_end(small_shares: None) -> None:
    over = OverExecutor(Processes(), 2, print)
    found = over.facts(_inputs(50), FactSettings())
    assert isinstance(next(found), FileFacts)
    over.close()


def test_a_factory_by_its_place() -> None:
    made = executors("concurrent.futures:ThreadPoolExecutor")(2)
    assert isinstance(made, ThreadPoolExecutor)
    made.shutdown()
    with pytest.raises(ExecutorProblem, match=r"use process, dask or `package.module:factory`"):
        executors("nothing")


def test_settings_reach_the_workers(
    project: Path, small_shares: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "own.py").write_text(
        "from vendor import Gate\n\ngate = Gate()\n\n\ndef leak(x):\n    gate.shut()\n"
        "    x()\n    gate.open_again()\n"
    )
    words = [
        "own.py",
        "m.py",
        '--config=lock-types."vendor.Gate"={acquire=["shut"],release=["open_again"]}',
    ]
    (project / "m.py").write_text("import threading\nlock = threading.Lock()\n")
    alone = _said(capsys, "--jobs=1", *words)
    assert "own.py" in alone
    assert _said(capsys, "--jobs=2", *words) == alone
    assert Config().lock_types == {}
