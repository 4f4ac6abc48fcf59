"""The code that the main thread runs while a signal handler is registered.

Python registers a handler in the main thread only. So the function that does it, and its callers,
go on in the main thread, and what they run from then on may be interrupted::

    def main():
        load()  # No: it has ended before.
        signal.signal(signal.SIGTERM, stop)
        serve()  # Yes, and all that it calls.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        save()  # No: the handler is not registered any more.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from locklint.analysis.call_graph import CallGraph, Edge
from locklint.analysis.events import Manner
from locklint.analysis.raising import is_context_manager
from locklint.analysis.threads import Threads
from locklint.core.source import Span
from locklint.ir.access_path import AccessPath
from locklint.ir.cfg import Function, FunctionKind
from locklint.ir.context import Context
from locklint.ir.instruction import Call, Enter, Exit, Instruction
from locklint.ir.registration import Entry
from locklint.ir.terminator import Return
from locklint.models.registrations import BLOCKS_SIGNALS, REGISTERS_HANDLER, is_signal
from locklint.models.spawns import DRIVERS


class Link(msgspec.Struct, frozen=True, eq=False):
    """A place in a function, and the call there that leads on; None at the last one."""

    function: str
    span: Span
    edge: Edge | None


class Setters:
    """The functions of a program that exchange or block signal handlers."""

    def __init__(self, graph: CallGraph, threads: Threads) -> None:
        self._graph = graph
        self._threads = threads

    @cached_property
    def _own(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return the signals for which each function sets handlers, and those."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, states in self._graph.states.items():
            for each in instructions(states.function):
                if isinstance(each, Call) and each.external == REGISTERS_HANDLER:
                    found[key].append((signal_of(each), handler_of(states.function, each)))
        return found

    @cached_property
    def _blocking(self) -> frozenset[str]:
        return frozenset(
            key
            for key, states in self._graph.states.items()
            for each in instructions(states.function)
            if isinstance(each, Call) and each.external == BLOCKS_SIGNALS
        )

    def exchanges(self, key: str, signal: str, handler: str) -> bool:
        """Return whether a function, or what it calls, sets another handler for a signal."""
        return any(
            is_another(signal, handler, signal_set, handler_set)
            for each in self._threads.reached_from(key)
            for signal_set, handler_set in self._own.get(each, ())
        )

    def blocks(self, key: str) -> bool:
        """Return whether a function, or what it calls, blocks signals."""
        return not self._blocking.isdisjoint(self._threads.reached_from(key))


class Registered:
    """The code of the main thread while the handler of one entry is registered."""

    def __init__(self, graph: CallGraph, threads: Threads, setters: Setters, entry: Entry) -> None:
        self._graph = graph
        self._threads = threads
        self._setters = setters
        self._entry = entry
        self.signal = ""
        """The name of the signal, if that is known."""
        self._places: dict[str, set[Span]] = {}
        self.is_open = False
        """True if code that is not known goes on after the registration."""
        if entry.registration is None or entry.registrar not in graph.states:
            self.is_open = True
        elif entry.registrar not in threads.reached_from(entry.function):
            self._follow(entry.registrar, entry.registration.span)  # Else it runs only once more.

    def _follow(self, registrar: str, place: Span) -> None:
        """Find the places that come after the registration, in its function and its callers."""
        for each in instructions(self._graph.function(registrar)):
            if isinstance(each, Call) and each.span == place:
                self.signal = signal_of(each)
        work, seen = [(registrar, place)], {(registrar, place)}
        while work:
            key, span = work.pop()
            function = self._graph.function(key)
            if not self._goes_on(function, span):
                continue
            is_module = function.kind is FunctionKind.MODULE
            callers = self._graph.callers.get(key, ())
            if is_module and key == registrar:
                self._run_drivers()
            roots = [each.context for each in self._threads.roots(key) if each.function == key]
            # A public method with known callers has no others, as far as anyone knows.
            if (not callers and Context.UNKNOWN in roots) or (is_module and key == registrar):
                self.is_open = True
            for edge in callers:
                if (edge.caller, edge.span) not in seen:
                    seen.add((edge.caller, edge.span))
                    work.append((edge.caller, edge.span))

    def _run_drivers(self) -> None:
        """Add the main functions, which run after the code of modules."""
        for key, states in self._graph.states.items():
            function = states.function
            if function.name in DRIVERS and function.class_name is None:
                spans = {each.span for each in instructions(function)}
                self._places.setdefault(key, set()).update(spans)

    def _goes_on(self, function: Function, start: Span) -> bool:
        """Add the places after a call, and return whether the handler is still set at the end."""
        places = self._places.setdefault(function.key, set())
        blocks = function.blocks
        work = deque(
            (block.id, index + 1)
            for block in blocks.values()
            for index, each in enumerate(block.instructions)
            if each.span == start and not isinstance(each, Exit)
        )
        entered: set[int] = set()
        if not work and function.kind is FunctionKind.MODULE:
            # The statement touches no lock, and is not part of the graph.
            places.update(each.span for each in instructions(function) if start < each.span)
            return True
        # The caller of a context manager goes on while that is entered.
        ends = is_context_manager(function)
        while work:
            here, index = work.popleft()
            block = blocks[here]
            for each in block.instructions[index:]:
                if each.span != start and self._ends_at(function, each):
                    break
                if isinstance(each, Exit) and self._leaves(each):
                    break
                places.add(each.span)
            else:
                ends = ends or isinstance(block.terminator, Return)
                for following in block.successors():
                    if following not in entered:
                        entered.add(following)
                        work.append((following, 0))
        return ends

    def _ends_at(self, function: Function, instruction: Instruction) -> bool:
        """Return whether an instruction sets another handler for the signal."""
        match instruction:
            case Call(external=external) if external == REGISTERS_HANDLER:
                other = handler_of(function, instruction)
                name = signal_of(instruction)
                return is_another(self.signal, self._entry.function, name, other)
            case Call(targets=targets):
                return any(map(self._exchanges, targets))
            case Enter(manager=manager) if manager is not None:
                return any(map(self._exchanges, (manager.enter, manager.generator)))
            case _:
                return False

    def _leaves(self, instruction: Exit) -> bool:
        manager = instruction.manager
        return manager is not None and any(map(self._exchanges, (manager.exit, manager.generator)))

    def _exchanges(self, key: str | None) -> bool:
        return (
            key is not None
            and key in self._graph.states
            and self._setters.exchanges(key, self.signal, self._entry.function)
        )

    # -- what is run ------------------------------------------------------------------------

    @cached_property
    def _found(self) -> Mapping[str, Edge]:
        """Return the call by which each function is reached, shortest chains first."""
        found: dict[str, Edge] = {}
        work = deque(
            edge
            for key in sorted(self._places)
            for edge in self._graph.calls[key]
            if edge.span in self._places[key] and self._is_in_main_thread(edge)
        )
        while work:
            edge = work.popleft()
            if edge.callee not in found:
                found[edge.callee] = edge
                work += filter(self._is_in_main_thread, self._graph.calls[edge.callee])
        return found

    def _is_in_main_thread(self, edge: Edge) -> bool:
        # An event loop runs its tasks where it is called.
        return edge.manner is not Manner.CONCURRENT or self._graph.function(edge.callee).is_async

    def chain_to(self, key: str, place: Span) -> Sequence[Link] | None:
        """Return the calls that lead to a place of a function, and the place; None if none do.

        They begin in the function that registers the handler, or in a caller of it.
        """
        if place in self._places.get(key, ()):
            return (Link(key, place, None),)
        chain = [Link(key, place, None)]
        while (edge := self._found.get(chain[-1].function)) is not None:
            chain.append(Link(edge.caller, edge.span, edge))
            if edge.span in self._places.get(edge.caller, ()):
                return chain[::-1]
        return None

    def comes_before(self, key: str, place: Span) -> bool:
        """Return whether the registration comes before a place of its function or a caller."""
        return place in self._places.get(key, ())

    def is_shielded(self, chain: Sequence[Link]) -> bool:
        """Return whether a function of a chain blocks the signal, or sets another handler."""
        return any(self._is_shielding(link, link is chain[0]) for link in chain)

    def _is_shielding(self, link: Link, is_first: bool) -> bool:
        function = self._graph.function(link.function)
        for each in instructions(function):
            if isinstance(each, Call) and each.external == BLOCKS_SIGNALS:
                return True
            if not is_first and each.span < link.span and self._ends_at(function, each):
                return True
        return any(
            self._setters.blocks(edge.callee)
            for edge in self._graph.calls[link.function]
            if edge.span < link.span and edge.manner is not Manner.CONCURRENT
        )


def signal_of(call: Call) -> str:
    """Return the name of the signal for which a call sets a handler, or nothing if unknown."""
    value = call.arguments[0].value if call.arguments else None
    name = value.name if isinstance(value, AccessPath) and value.fields else ""
    if isinstance(value, AccessPath) and not value.fields:
        name = value.root_name.rpartition(".")[2]
    return name if is_signal(name) else ""


def handler_of(function: Function, call: Call) -> str:
    """Return the key of the function that a call sets as the handler, or nothing."""
    for each in function.registers:
        if each.span == call.span and len(each.targets) == 1:
            return each.targets[0]
    return ""


def is_another(signal: str, handler: str, other_signal: str, other_handler: str) -> bool:
    """Return whether another handler may take the place of one."""
    if signal and other_signal:
        return signal == other_signal and handler != other_handler
    return not other_handler  # A table of handlers has others for other signals.


def instructions(function: Function) -> Iterator[Instruction]:
    """Yield the instructions of a function."""
    for block in function.blocks.values():
        yield from block.instructions
