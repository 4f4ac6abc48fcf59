"""Files worked on by other processes or machines, behind an executor.

Files go out in shares of about the same size, as bytes, and facts come back as bytes, in the order
of the files: the result is the same for any worker. A share whose worker died is done again, file
by file, so that one which kills its worker is found and named.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

import msgspec

from locklint.engine import workers
from locklint.engine.executors import Executors, answer_of
from locklint.engine.facts import FactSettings, FileFacts, FileInput, Lowered
from locklint.engine.parsing import undisturbed_parsing
from locklint.engine.report import InternalError
from locklint.engine.workers import FactsRequest, LowerRequest, find_facts, find_graphs

_SHARES_PER_JOB = 3
_MOST_LOSSES = 2

_Request = TypeVar("_Request", FactsRequest, LowerRequest)
_Answer = TypeVar("_Answer", FileFacts, Lowered)


def do_facts(data: bytes) -> bytes:
    """Run a worker's share of files: encoded requests in, encoded facts out."""
    requests = msgspec.msgpack.decode(data, type=tuple[FactsRequest, ...])
    with _as_worker():
        return msgspec.msgpack.encode([_encoded(find_facts(each)) for each in requests])


def do_lower(data: bytes) -> bytes:
    """Run a worker's share of functions: encoded requests in, encoded graphs out."""
    requests = msgspec.msgpack.decode(data, type=tuple[LowerRequest, ...])
    with _as_worker():
        return msgspec.msgpack.encode([_encoded(find_graphs(each)) for each in requests])


def _encoded(answer: FileFacts | Lowered) -> bytes | None:
    """Return a result as bytes. Return None if it holds a number too large for the encoding."""
    try:
        return msgspec.msgpack.encode(answer)
    except (OverflowError, UnicodeEncodeError, RecursionError):
        return None


@contextmanager
def _as_worker() -> Iterator[None]:
    """Work as the main process does, and leave the process as it was: it may have another owner."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with undisturbed_parsing():
            yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass
class _Pending(Generic[_Request]):
    share: tuple[_Request, ...]
    future: Future[bytes]
    executor: Executor


@dataclass(frozen=True)
class _Task(Generic[_Request, _Answer]):
    """A kind of task: how it runs there and here, and how it fails for one file."""

    remote: Callable[[bytes], bytes]
    here: Callable[[_Request], _Answer]
    decoder: msgspec.msgpack.Decoder[_Answer]
    failed: Callable[[InternalError], _Answer]


_FACTS: _Task[FactsRequest, FileFacts] = _Task(
    do_facts,
    find_facts,
    msgspec.msgpack.Decoder(FileFacts),
    lambda error: FileFacts(None, Lowered(errors=(error,))),
)
_GRAPHS: _Task[LowerRequest, Lowered] = _Task(
    do_lower,
    find_graphs,
    msgspec.msgpack.Decoder(Lowered),
    lambda error: Lowered(errors=(error,)),
)
_ANSWERS = msgspec.msgpack.Decoder(list[bytes | None])


class OverExecutor:
    """The workers of an executor. ``make`` makes it, for a number of jobs.

    ``say`` is called for workers that are lost. Nothing is started for less than two shares of
    work.
    """

    def __init__(self, make: Executors, jobs: int, say: Callable[[str], None]) -> None:
        self._make = make
        self._jobs = jobs
        self._say = say
        self._executor: Executor | None = None

    def facts(
        self, files: Iterable[FileInput], settings: FactSettings | None
    ) -> Iterator[FileFacts]:
        """The facts of files; without settings only their declarations."""
        return self._answers((FactsRequest(file, settings) for file in files), _FACTS)

    def lower(self, requests: Sequence[LowerRequest]) -> Iterator[Lowered]:
        """The graphs of further functions."""
        return self._answers(iter(requests), _GRAPHS)

    def close(self) -> None:
        """End the executors without waiting for results that are no longer needed."""
        self._end()
        self._make.close()

    def _end(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            self._make.end(executor)

    def _answers(
        self, requests: Iterator[_Request], task: _Task[_Request, _Answer]
    ) -> Iterator[_Answer]:
        shares = _shares(requests)
        first = next(shares, ())
        second = next(shares, ())
        if not second and self._executor is None:
            yield from map(task.here, first)
            return
        waiting = chain((first, second), shares)
        window: deque[_Pending[_Request]] = deque()
        while True:
            while len(window) < self._make.width(self._jobs) * _SHARES_PER_JOB:
                share = next(waiting, ())
                if not share:
                    break
                window.append(self._submitted(share, task))
            if not window:
                return
            pending = window.popleft()
            try:
                answers = _ANSWERS.decode(answer_of(pending.executor, pending.future))
            except Exception as error:
                yield from self._again(pending, window, task, error)
                continue
            yield from self._decoded(pending.share, answers, task)

    def _submitted(
        self, share: tuple[_Request, ...], task: _Task[_Request, _Answer]
    ) -> _Pending[_Request]:
        """Submit a share to the executor, or to a new one if the last cannot accept it."""
        data = msgspec.msgpack.encode(share)
        if self._executor is None:
            self._executor = self._make(self._jobs)
        try:
            return _Pending(share, self._executor.submit(task.remote, data), self._executor)
        except RuntimeError:  # It is broken; the reason is given when its first result is missed.
            self._end()
            self._executor = self._make(self._jobs)
            return _Pending(share, self._executor.submit(task.remote, data), self._executor)

    def _decoded(
        self,
        share: tuple[_Request, ...],
        answers: Sequence[bytes | None],
        task: _Task[_Request, _Answer],
    ) -> Iterator[_Answer]:
        for request, answer in zip(share, answers, strict=True):
            yield task.here(request) if answer is None else task.decoder.decode(answer)

    def _again(
        self,
        lost: _Pending[_Request],
        window: deque[_Pending[_Request]],
        task: _Task[_Request, _Answer],
        error: Exception,
    ) -> Iterator[_Answer]:
        """Return the results of a share that was lost, and of all others that were lost with it."""
        what = "died" if isinstance(error, BrokenExecutor) else f"failed ({_reason(error)})"
        self._say(f"a worker {what}; its share of the work is repeated")
        if isinstance(error, BrokenExecutor):
            self._end()
            for pending in window:
                if not _is_answered(pending.future):
                    again = self._submitted(pending.share, task)
                    pending.future, pending.executor = again.future, again.executor
        yield from self._one_by_one(lost.share, task)

    def _one_by_one(
        self, share: tuple[_Request, ...], task: _Task[_Request, _Answer]
    ) -> Iterator[_Answer]:
        """Return the results of some tasks from workers that have nothing else to do."""
        executor: Executor | None = None
        try:
            for request in share:
                data = msgspec.msgpack.encode((request,))
                for loss in range(1, _MOST_LOSSES + 1):
                    executor = executor or self._make(1)
                    try:
                        future = executor.submit(task.remote, data)
                        answers = _ANSWERS.decode(answer_of(executor, future))
                    except Exception as error:
                        self._make.end(executor)
                        executor = None
                        if loss == _MOST_LOSSES:
                            what = f"its worker died or failed each time: {_reason(error)}"
                            yield task.failed(InternalError(request.path, what, ""))
                        continue
                    yield from self._decoded((request,), answers, task)
                    break
        finally:
            if executor is not None:
                self._make.end(executor)


def _is_answered(future: Future[bytes]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _shares(requests: Iterator[_Request]) -> Iterator[tuple[_Request, ...]]:
    """Questions in their order, in groups of about the same weight."""
    share: list[_Request] = []
    weight = 0
    for request in requests:
        share.append(request)
        weight += request.weight
        if weight >= workers.SHARE_BYTES:
            yield tuple(share)
            share, weight = [], 0
    if share:
        yield tuple(share)
