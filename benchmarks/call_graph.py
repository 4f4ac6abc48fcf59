"""How the analysis of whole programs grows: ``python -m benchmarks.call_graph [SIZES…]``.

Makes programs of so many functions (by default up to 200,000) straight as graphs, without text, in
parts of 200 as modules are: each function calls two others of its part, some of them in rings, and
one of a shared library of 1,000 functions with 20 locks; one in ten holds one of the three locks of
its part meanwhile. Prints for each size the processor time of each stage, the peak of memory, and
at the end the exponent with which the time grows, fitted by least squares over the logarithms.
"""

from __future__ import annotations

import gc
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from benchmarks.costs import exponent
from locklint.analysis.call_graph import CallGraph
from locklint.analysis.composition import Composition
from locklint.analysis.interprocedural import Interprocedural
from locklint.analysis.lock_cycles import find_cycles
from locklint.analysis.lock_order import lock_order
from locklint.analysis.threads import Threads
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import BasicBlock, Function, FunctionKind
from locklint.ir.hierarchy import Fields, Hierarchy
from locklint.ir.instruction import Acquire, Call, Constant, Instruction, Release
from locklint.ir.lock import Exactness, LockRef
from locklint.ir.means import BY_WITH, Use
from locklint.ir.terminator import Return
from locklint.models.stdlib_threading import LOCK

PART = 200
LIBRARY = 1_000
SIZES = (25_000, 50_000, 100_000, 200_000)

_Result = TypeVar("_Result")


def functions(count: int) -> Iterator[Function]:
    """A program of so many functions, the same one for the same number."""
    chance = random.Random(count)
    for number in range(count):
        part = number // PART * PART
        end = min(part + PART, count) - 1
        callees = {
            min(number + chance.randint(1, 9), end),
            # Back by a little, which closes rings, or to the function itself.
            max(number - chance.randint(0, 20), part) if chance.random() < 0.1 else end,
            chance.randint(number, LIBRARY - 1) if number < LIBRARY else chance.randrange(LIBRARY),
        }
        body: list[Instruction] = []
        lock = _lock(part * 3 // PART + chance.randrange(3)) if chance.random() < 0.1 else None
        if lock is not None:
            body.append(Acquire(_span(1), lock, BY_WITH))
        for line, callee in enumerate(sorted(callees), start=2):
            body.append(
                Call(
                    _span(line),
                    AccessPath(f"%{line}"),
                    AccessPath(f"f{callee}"),
                    use=Use.DISCARDED,
                    targets=(f"m:f{callee}",),
                    certain=True,
                )
            )
        if lock is not None:
            body.append(Release(_span(9), lock, BY_WITH))
        block = BasicBlock(0, tuple(body), Return(_span(10), Constant(None), implicit=True))
        yield Function(
            key=f"m:f{number}",
            qualname=f"f{number}",
            module="m",
            path="m.py",
            kind=FunctionKind.FUNCTION,
            span=_span(1),
            name_span=_span(1),
            parameters=(),
            blocks={0: block},
        )


def _span(line: int) -> Span:
    return Span(line, 1, line, 2)


def _lock(number: int) -> LockRef:
    return LockRef(AccessPath(f"lock{number}"), f"m.lock{number}", LOCK, Exactness.ONE)


def measure(count: int) -> float:
    """Analyse a program of so many functions, print what it took, and give the seconds."""
    program = list(functions(count))
    gc.collect()
    total = 0.0

    def timed(name: str, run: Callable[[], _Result]) -> _Result:
        nonlocal total
        start = time.process_time()
        result = run()
        seconds = time.process_time() - start
        total += seconds
        print(f"  {name:12} {seconds:8.2f} s", flush=True)
        return result

    print(f"{count} functions")
    known = Interprocedural()
    timed("lock states", lambda: known.add(program))
    graph = timed("call graph", lambda: CallGraph(known.states, known.summaries, {}))
    composition = timed("pairs", lambda: Composition(graph, frozenset(), Hierarchy(), Fields()))
    threads = timed("threads", lambda: Threads(graph))
    order = timed("lock order", lambda: lock_order(composition, threads))
    cycles = timed("cycles", lambda: find_cycles(order, threads, lambda _: False))
    pairs = sum(map(len, composition.pairs.values()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  together     {total:8.2f} s; {pairs} pairs, {len(order.edges)} edges,"
        f" {len(cycles)} cycles, {peak:.0f} MB at most"
    )
    return total


def main() -> None:
    """Measure the sizes that are asked for."""
    sizes = [int(argument) for argument in sys.argv[1:]] or list(SIZES)
    seconds = [measure(size) for size in sizes]
    if len(sizes) > 1:
        print(f"time grows with the power {exponent(sizes, seconds):.2f} of the size")


if __name__ == "__main__":
    main()
