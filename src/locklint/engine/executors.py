"""Executors by name: processes of this machine, Dask, or what any other package offers.

An executor is made by an object whose call, with a number of jobs, gives one; ``close`` ends what
all of its executors share.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Protocol

PROCESS = "process"
DASK = "dask"

_PATIENCE = 1.0
"""The number of seconds to wait for a result before checking the worker."""

_SCHEDULER_PATIENCE = 30
"""The number of seconds that a scheduler may take to reply."""

_LEAST_FOR_PROCESSES = 1 << 29
"""The least limit of memory, in bytes, with which worker processes are started."""


class ExecutorProblem(Exception):
    """Raised if an executor cannot be made; the message says why."""


class Executors(Protocol):
    """Makes executors."""

    def __call__(self, jobs: int) -> Executor:
        """Return an executor for that many tasks at a time, or raise `ExecutorProblem`."""

    def width(self, jobs: int) -> int:
        """Return how many pieces of work run in parallel, if ``jobs`` were requested."""

    def end(self, executor: Executor) -> None:
        """End an executor, even if it is working."""

    def close(self) -> None:
        """End what the executors share."""


def executors(name: str = PROCESS, scheduler: str | None = None) -> Executors:
    """Return the maker of executors with a name.

    ``process``, ``dask``, or ``package.module:factory`` for a class or function that takes
    ``max_workers``. ``scheduler`` is the address of Dask's, None for one of its own on this
    machine. Raise `ExecutorProblem` for an unknown name.
    """
    if name == PROCESS:
        return Processes()
    if name == DASK:
        return DaskCluster(scheduler)
    return Named(name, _named(name))


def usable_cpus() -> int:
    """The number of CPUs that this process may run on."""
    try:
        return len(os.sched_getaffinity(0)) or 1
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def lacks_room_for_processes() -> bool:
    """Return whether the memory of this process is limited to less than workers need.

    The limit applies to each process. Below it, workers run out of memory as soon as they start, or
    block indefinitely.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return False
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return any(limit != resource.RLIM_INFINITY and limit < _LEAST_FOR_PROCESSES for limit in limits)


def answer_of(executor: Executor, future: Future[bytes]) -> bytes:
    """Wait for a result.

    A pool of processes has a thread that distributes work and collects results. If memory runs out,
    it can end silently although callers wait: then raise `BrokenExecutor`.
    """
    # No version of Python makes this public.
    thread = getattr(executor, "_executor_manager_thread", None)
    if not isinstance(thread, Thread):
        return future.result()
    while True:
        was_alive = thread.is_alive()
        wait((future,), _PATIENCE)
        if future.done():
            return future.result()
        if not was_alive:
            raise BrokenExecutor("the thread of the pool has ended")


class Processes:
    """Processes of this machine."""

    def __call__(self, jobs: int) -> Executor:
        """A pool of that many processes."""
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # A new interpreter would look for modules in the working directory first. The code that is
        # analysed is there, and none of it may run. A copy of this process looks nowhere.
        if sys.platform == "linux":
            context = get_context("fork")
        else:
            os.environ.setdefault("PYTHONSAFEPATH", "1")
            context = get_context("spawn")
        return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker)

    def width(self, jobs: int) -> int:
        """As many as there are processes."""
        return jobs

    def end(self, executor: Executor) -> None:
        """End the processes at once: nothing waits for their results."""
        # Python makes this public since 3.14 only.
        processes: dict[int, Any] = getattr(executor, "_processes", None) or {}
        for process in list(processes.values()):
            with suppress(OSError, ValueError):
                process.terminate()
        with suppress(RuntimeError):  # Its thread could not be started.
            executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Nothing is shared."""


def _begin_worker() -> None:
    """Leave interrupts to the main process, and do not outlive it."""
    import multiprocessing
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


@dataclass
class DaskCluster:
    """The workers of a Dask scheduler: of the one at an address, or of a cluster of its own."""

    scheduler: str | None = None
    _client: Any = field(default=None, init=False)
    _cluster: Any = field(default=None, init=False)

    def __call__(self, jobs: int) -> Executor:
        """An executor over all workers; ``jobs`` is the number of those that are started here."""
        if self._client is None:
            self._connect(jobs)
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def _connect(self, jobs: int) -> None:
        try:
            distributed = importlib.import_module("distributed")
        except ImportError:
            raise ExecutorProblem(
                "Dask is not installed; install it with `pip install 'locklint[dask]'`"
            ) from None
        try:
            if self.scheduler is None:
                # Its workers are new interpreters, which must not find modules in the code that is
                # analysed.
                os.environ.setdefault("PYTHONSAFEPATH", "1")
                self._cluster = distributed.LocalCluster(
                    n_workers=jobs, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                )
            address = self._cluster if self._cluster is not None else self.scheduler
            self._client = distributed.Client(
                address, timeout=_SCHEDULER_PATIENCE, set_as_default=False
            )
        except (OSError, ValueError, RuntimeError) as error:
            self.close()
            where = f"at {self.scheduler}" if self.scheduler else "on this machine"
            raise ExecutorProblem(f"cannot use the Dask scheduler {where}: {error}") from None

    def width(self, jobs: int) -> int:
        """As many as the workers have threads."""
        threads: dict[str, int] = self._client.nthreads() if self._client is not None else {}
        return max(jobs, sum(threads.values()))

    def end(self, executor: Executor) -> None:
        """Cancel the requests; the workers stay."""
        executor.shutdown(wait=False)

    def close(self) -> None:
        """Leave the scheduler, and end it if it was started here."""
        for each in (self._client, self._cluster):
            if each is not None:
                each.close()
        self._client = self._cluster = None


@dataclass(frozen=True)
class Named:
    """Executors from a factory that was given by its place."""

    name: str
    factory: Callable[..., Any]

    def __call__(self, jobs: int) -> Executor:
        """Return the factory's executor for ``max_workers``."""
        try:
            made = self.factory(max_workers=jobs)
        except Exception as error:
            raise ExecutorProblem(
                f"{self.name}(max_workers={jobs}) failed: {type(error).__name__}: {error}"
            ) from None
        if not callable(getattr(made, "submit", None)):
            raise ExecutorProblem(f"{self.name} returns no executor: the result has no `submit`")
        executor: Executor = made
        return executor

    def width(self, jobs: int) -> int:
        """Return the requested number."""
        return jobs

    def end(self, executor: Executor) -> None:
        """Cancel the requests."""
        try:
            executor.shutdown(wait=False, cancel_futures=True)
        except TypeError:  # Some executors lack the argument that Python 3.9 added.
            executor.shutdown(wait=False)

    def close(self) -> None:
        """Nothing is shared."""


def _named(name: str) -> Callable[..., Any]:
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise ExecutorProblem(
            f"{name} is not an executor: use {PROCESS}, {DASK} or `package.module:factory`"
        )
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ExecutorProblem(f"{name} cannot be imported: {error}") from None
    if not callable(found):
        raise ExecutorProblem(f"{name} is not an executor: it cannot be called")
    factory: Callable[..., Any] = found
    return factory
