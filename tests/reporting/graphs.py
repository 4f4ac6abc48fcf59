"""Lock-order graphs made by hand."""

from __future__ import annotations

from locklint.core.source import Position
from locklint.engine.report import Statistics
from locklint.reporting import render_graph
from locklint.reporting.lock_graph import GraphEdge, GraphLock, GraphWitness, LockGraph, Place
from locklint.reporting.options import RenderOptions


def place(path: str, row: int, column: int = 5, cell: int = 0) -> Place:
    """A place in a file."""
    return Place(path, Position(cell, row, column))


def witness(
    row: int,
    function: str = "f",
    *,
    via: tuple[str, ...] = (),
    waits: bool = True,
    at: str = "bank.py",
) -> GraphWitness:
    """An acquire of a lock while another one is held."""
    return GraphWitness(place(at, row), function, via, place("log.py", 3), ("held",), waits)


def lock(name: str, *, made: Place | None = None, exactness: str = "one object") -> GraphLock:
    """A plain lock."""
    return GraphLock(name, "threading.Lock", False, exactness, made)


ACCOUNT, GATE, LEDGER = "bank.Account._lock", "bank.gate", "bank.ledger"

BANK = LockGraph(
    locks=(
        lock(ACCOUNT, made=place("bank.py", 11), exactness="one of each instance"),
        lock(GATE),
        GraphLock(LEDGER, "threading.RLock", True, "one object", place("book.ipynb", 2, 1, 4)),
    ),
    edges=(
        GraphEdge(
            ACCOUNT,
            LEDGER,
            (witness(16, "Account.move", via=("append", "Log.write")), witness(18), witness(19)),
        ),
        GraphEdge(GATE, LEDGER, (witness(30, "Account.peek", waits=False),)),
        GraphEdge(LEDGER, ACCOUNT, (witness(22, "Account.show"),)),
        GraphEdge(LEDGER, GATE, (witness(35), witness(36, waits=False))),
    ),
    cycles=((ACCOUNT, LEDGER),),
    statistics=Statistics(files=2, candidates=2, functions=9, locks=3, edges=4),
)
"""A cycle of two locks, beside it a lock that is tried only."""

ODD_NAMES = (
    "m.locks['a\"b']",
    "m.locks['a\\\\']",
    "m.locks['\\n']",
    'm.locks["&amp;<b>#quot;"]',
    "m.__init__.<locals>.`lock`",
    "m.schloß_é.*_x_",
    "end",
    "m.back\\",
    "m.new\nline; n1 --> n2",
)

ODD = LockGraph(
    locks=tuple(lock(name, made=place('odd "file"\\.py', 1)) for name in sorted(ODD_NAMES)),
    edges=tuple(
        GraphEdge(source, target, (witness(1, "f.<locals>.<lambda>"),))
        for source, target in zip(
            sorted(ODD_NAMES), (*sorted(ODD_NAMES)[1:], min(ODD_NAMES)), strict=True
        )
    ),
    cycles=(tuple(sorted(ODD_NAMES)),),
)
"""A ring of locks whose names hold what the languages of graphs have a use for."""


def rendered(output_format: str, graph: LockGraph, **options: object) -> str:
    """A graph in one of the formats."""
    return render_graph(output_format, graph, RenderOptions(root="/src", **options))  # type: ignore[arg-type]
