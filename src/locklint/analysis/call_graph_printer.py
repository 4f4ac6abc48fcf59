"""The call graph and thread roots as text: what `locklint debug calls` and tests show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from locklint.analysis.binding import Binding
from locklint.analysis.call_graph import Edge
from locklint.analysis.composition_printer import held_text
from locklint.analysis.critical_pair import key_text
from locklint.analysis.events import Manner
from locklint.analysis.program import Program
from locklint.ir.cfg import Function


def print_calls(program: Program, functions: Iterable[Function]) -> str:
    """Return, for each function, its threads, the locks held at its entry, and its calls."""
    return "\n".join(
        "\n".join([f"function {function.key}", *_lines(program, function)]) + "\n"
        for function in functions
    )


def _lines(program: Program, function: Function) -> Iterator[str]:
    key = function.key
    if not program.states[key].complete:
        yield "  nothing may be concluded: a bound was reached"
        return
    for root in sorted(program.threads.roots(key), key=str):
        yield f"  root {root}"
    for entry in sorted(program.interruptions.roots(key), key=str):
        yield f"  root {entry}"
    held = program.threads.held_on_entry(key)
    if held:
        yield f"  held on entry {', '.join(sorted(held))}"
    for edge in sorted(program.call_graph.calls[key], key=lambda edge: (edge.span, edge.callee)):
        yield f"  {edge.span}  {print_edge(edge)}"


def print_edge(edge: Edge) -> str:
    """Return a call as one line, without its place."""
    if edge.manner is Manner.CONCURRENT:
        text = f"start {edge.callee}"
    else:
        text = f"call {edge.callee} holding {', '.join(map(held_text, edge.held)) or 'nothing'}"
    clauses = [text]
    bound = _bound(edge.binding)
    if bound:
        clauses.append(f"with {bound}")
    if edge.released:
        clauses.append(f"released {', '.join(map(str, edge.released))}")
    if edge.free:
        clauses.append(f"free {', '.join(map(str, edge.free))}")
    notes = [f"through {edge.implicit}"] if edge.implicit else []
    if edge.manner is not Manner.DIRECT:
        notes.append(edge.manner.value)
    if not edge.certain:
        notes.append("uncertain")
    line = "; ".join(clauses)
    return f"{line}  [{', '.join(notes)}]" if notes else line


def _bound(binding: Binding) -> str:
    """Return the meanings of the callee's names, by name."""
    found = {name: str(path) for name, path in binding.roots.items()}
    found.update({name: str(value) for name, value in binding.constants.items()})
    for name, lock in binding.locks.items():
        found[name] = f"lock {key_text(lock)}"
    return ", ".join(f"{name} = {value}" for name, value in sorted(found.items()))
