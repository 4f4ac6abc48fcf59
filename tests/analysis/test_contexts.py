"""The contexts in which functions run, by what starts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.pipeline import solve
from locklint.ir.context import Context

CODE = """\
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

lock = threading.Lock()


def work():
    with lock:
        print()


async def read():
    with lock:
        print()


def start(loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor):
    with lock:
        {start}
"""


@pytest.mark.parametrize(
    ("start", "function", "context"),
    [
        ("threading.Thread(target=work).start()", "work", Context.THREAD),
        ("threading.Timer(1, work).start()", "work", Context.THREAD),
        ("pool.submit(work)", "work", Context.EXECUTOR),
        ("loop.call_soon(work)", "work", Context.TASK),
        ("asyncio.create_task(read())", "read", Context.TASK),
    ],
)
def test_a_function_runs_in_what_starts_it(
    tmp_path: Path, start: str, function: str, context: Context
) -> None:
    path = tmp_path / "program.py"
    path.write_text(CODE.format(start=start))
    program = solve([str(path)], Config()).program
    key = next(each.key for each in program.ordered_functions if each.name == function)
    started = [root for root in program.threads.roots(key) if root.spawner]
    assert [root.context for root in started] == [context]
    assert str(started[0]).startswith(f"thread {key} made at ")
