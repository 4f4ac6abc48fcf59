"""Which blocks all ways lead through, against a search."""

from __future__ import annotations

from pathlib import Path

from locklint.analysis.layout import Layout
from locklint.core.config import Config
from locklint.dataflow.order import all_successors
from locklint.engine.program_files import ProgramFiles
from locklint.ir.cfg import Function
from locklint.ir.instruction import BlockId

ROOT = Path(__file__).parents[2]


def reached(function: Function, without: BlockId | None) -> set[BlockId]:
    """The blocks to which some way leads that does not go through one of them."""
    seen = {function.entry} - {without}
    work = list(seen)
    while work:
        for successor in all_successors(function.blocks[work.pop()]):
            if successor not in seen and successor != without:
                seen.add(successor)
                work.append(successor)
    return seen


def test_all_ways_lead_through_what_a_search_cannot_avoid() -> None:
    files = ProgramFiles(Config())
    many = 0
    for path in sorted((ROOT / "examples").glob("*.py")):
        file, _ = files.add_text(str(path), path.read_text("utf-8"))
        assert file is not None
        outermost = [each.qualname for each in file.index.functions.values() if not each.parent]
        file.lowered.clear()
        for function in files.lower(file, outermost):
            layout = Layout(function)
            for first in function.blocks:
                avoided = reached(function, first)
                reachable = first in reached(function, None)
                for then in function.blocks:
                    assert layout.leads_through(first, then) is (then not in avoided), (
                        function.key,
                        first,
                        then,
                    )
                    many += reachable and then in avoided
    assert many > 1000
