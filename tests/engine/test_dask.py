"""A real Dask scheduler with two processes as workers: the same answer, whatever is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from locklint.cli import main
from locklint.engine import workers
from locklint.engine.executors import DaskCluster

EXAMPLES = Path(__file__).parents[2] / "examples"
_PATIENCE = 60
_ENVIRONMENT = {**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("dask_scheduler", "--port", "0", "--no-dashboard", "--interface", "lo")
        self.workers = [
            self._start("dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard")
            for _ in range(2)
        ]

    def _start(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", f"distributed.cli.{program}"]
        log = (self.folder / "log.txt").open("ab")
        process = subprocess.Popen(
            [*command, "--scheduler-file", str(self.file), *words],
            stdout=log,
            stderr=log,
            cwd=self.folder,
            env=_ENVIRONMENT,
        )
        log.close()
        self._processes.append(process)
        return process

    def wait(self) -> str:
        """The address of the scheduler, once all workers are there."""
        import json

        from distributed import Client

        end = time.monotonic() + _PATIENCE
        while not self.file.exists() or not self.file.read_text():
            assert time.monotonic() < end, (self.folder / "log.txt").read_text()
            time.sleep(0.05)
        address: str = json.loads(self.file.read_text())["address"]
        with Client(  # type: ignore[no-untyped-call]
            address, timeout=_PATIENCE, set_as_default=False
        ) as client:
            client.wait_for_workers(len(self.workers), timeout=_PATIENCE)
        return address

    def close(self) -> None:
        """End all of them."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait(_PATIENCE)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the test's own."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples three times over, every file a share of its own."""
    folder = tmp_path / "project"
    for number in range(3):
        shutil.copytree(EXAMPLES, folder / f"part{number}")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(workers, "SHARE_BYTES", 1)
    return folder


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["check", "--output-format=json", "--select=ALL", *words]) == 1
    return capsys.readouterr().out


def test_the_same_answer_although_a_worker_is_killed(
    cluster: Cluster,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = _said(capsys, "--jobs=1")
    address = cluster.wait()
    done: list[float] = []
    make = DaskCluster.__call__

    def counting(self: DaskCluster, jobs: int) -> Executor:
        executor = make(self, jobs)
        submit = executor.submit

        def submitted(work: Callable[[bytes], bytes], data: bytes) -> Future[bytes]:
            future: Future[bytes] = submit(work, data)
            done.append(time.monotonic())
            if len(done) == 9:
                # Nine shares are under way or done, and more will come.
                cluster.workers[0].send_signal(signal.SIGKILL)
            return future

        executor.submit = submitted  # type: ignore[method-assign,assignment]
        return executor

    monkeypatch.setattr(DaskCluster, "__call__", counting)
    assert _said(capsys, "--executor=dask", f"--scheduler={address}", "--jobs=2") == alone
    assert len(done) > 20
    assert cluster.workers[0].wait(_PATIENCE) == -signal.SIGKILL
    assert cluster.workers[1].poll() is None


def test_a_cluster_of_its_own(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(project / "part1")
    shutil.rmtree(project / "part2")
    alone = _said(capsys, "--jobs=1")
    assert _said(capsys, "--executor=dask", "--jobs=1") == alone


def test_a_scheduler_that_does_not_answer_is_an_error(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from locklint.engine import executors

    monkeypatch.setattr(executors, "_SCHEDULER_PATIENCE", 0.5)
    assert main(["check", "--executor=dask", "--scheduler=tcp://127.0.0.1:9"]) == 2
    seen = capsys.readouterr()
    assert "cannot use the Dask scheduler at tcp://127.0.0.1:9" in seen.err
    assert seen.out == ""


def test_without_dask_it_says_what_to_install(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["check", "--executor=dask"]) == 2
    assert "pip install 'locklint[dask]'" in capsys.readouterr().err
