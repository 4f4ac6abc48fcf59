"""Functions that may reach a lock by the calls that are written in them.

Calls are followed: those of lowered functions by their known callees, those of others by their
texts. Bare names would be faster, but if some method called ``get`` touches a lock, nearly
everything seems to reach it, and a callee with two names is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from locklint.frontend.callbacks import written_callback
from locklint.frontend.resolver import Question
from locklint.index.declarations import FunctionDecl, ModuleIndex
from locklint.ir.access_path import Root
from locklint.ir.cfg import outside_anonymous, split_key
from locklint.ir.event import EventKind
from locklint.ir.means import Use
from locklint.models.calls import named_in
from locklint.models.events import event_around, event_names, sought_in_callees

if TYPE_CHECKING:
    from locklint.analysis.events import LockStates
    from locklint.frontend.decorations import Decorations
    from locklint.frontend.project import Project
    from locklint.frontend.resolver import Callee
    from locklint.frontend.written_calls import WrittenCalls, WrittenUse

_WAITS = frozenset(
    (
        EventKind.WAIT,
        EventKind.PARK,
        EventKind.JOIN,
        EventKind.LISTEN,
        EventKind.BLOCK,
        EventKind.FORK,
        EventKind.TRANSFER,
        EventKind.CALLBACK,
        EventKind.ANSWER,
        EventKind.HOOK,
        EventKind.OBSERVER,
    )
)
"""The kinds of events for which a function is like one that acquires a lock."""


Steps: TypeAlias = dict[str, tuple[str | None, ...]]
"""The functions that others call, by their keys."""


class CallReach:
    """Functions that reach a lock, given the functions that are known to acquire one.

    ``decorations`` are the wrappers around functions. An event of a kind that is ``wanted`` is
    treated like a lock. ``blocking`` are the names of further calls that are
    such events. Results are valid as long as ``states`` stay the
    same; `renew` brings them up to date. The calls of the functions whose texts hold nothing that
    is ``wanted`` are kept in ``steps``; those in ``known`` were found where more was wanted.
    """

    def __init__(
        self,
        written: WrittenCalls,
        project: Project,
        states: Mapping[str, LockStates],
        decorations: Decorations,
        wanted: frozenset[EventKind],
        blocking: frozenset[str] = frozenset(),
        *,
        steps: Steps | None = None,
        known: Steps | None = None,
    ) -> None:
        self._wanted = wanted
        self._blocking = blocking if EventKind.BLOCK in wanted else frozenset[str]()
        self._waits = wanted & _WAITS
        self._names = event_names(wanted)
        self._sought = sought_in_callees(wanted)
        self._written = written
        self._project = project
        self._states = states
        self._decorations = decorations
        # The calls of a text stay the same, however much is known about others.
        self._read: Steps = {} if steps is None else steps
        self._known: Steps = {} if known is None else known
        self._never: set[str] = set()
        self._surely: set[str] = set()
        self._callers: defaultdict[str, list[str]] = defaultdict(list)
        self._looked_at: dict[str, LockStates] = {}
        self.renew()

    def renew(self) -> None:
        """Update the results: more functions have states than before."""
        self._surely = {key for key, one in self._states.items() if self._matters(one)}
        doubtful: list[str] = []
        for key, one in self._states.items():
            if self._looked_at.get(key) is not one:
                self._looked_at[key] = one
                if key in self._never and self._is_open(key, one):
                    doubtful.append(key)
        # A function of which more is known may reach a lock now, and so may those that call it.
        while doubtful:
            key = doubtful.pop()
            if key in self._never:
                self._never.remove(key)
                doubtful += self._callers[key]

    def _is_open(self, key: str, one: LockStates) -> bool:
        """Return whether a function acquires a lock, or calls what has not been looked at."""
        for called in one.calls:
            self._callers[called.target].append(key)
        return self._matters(one) or any(called.target not in self._never for called in one.calls)

    def _matters(self, one: LockStates) -> bool:
        """Return whether a function acquires a lock, needs one, or waits for something else."""
        if one.taken or one.used:
            return True
        return any(each.event.kind in self._waits for each in one.events)

    def reaches(self, key: str) -> bool:
        """Return whether the function of a key may reach a lock."""
        if key in self._surely:
            return True
        if key in self._never:
            return False
        # Depth first, with the path that led here: each function on it reaches what is found.
        seen = {key}
        way = [(key, self._steps(key))]
        while way:
            caller, steps = way[-1]
            for step in steps:
                if step is None or step in self._surely:
                    self._surely.update(each for each, _ in way)
                    return True
                self._callers[step].append(caller)
                if step not in seen and step not in self._never:
                    seen.add(step)
                    way.append((step, self._steps(step)))
                    break
            else:
                way.pop()
        # All functions that can be reached from here were looked at.
        self._never |= seen
        return False

    def _steps(self, key: str) -> Iterator[str | None]:
        """Return the functions that one calls, if they matter, or None if it touches a lock."""
        known = self._states.get(key)
        if known is not None:
            for called in (*known.calls, *known.possible):
                yield called.target
            return
        use = self._decorations.use(key)
        if use is not None:
            # A wrapper runs its own code and what it is in front of.
            yield use.inner
            yield from self._written_steps(use.wrapper.index, use.wrapper.decl)
            return
        module, qualname = split_key(key)
        index = self._project.by_key(module)
        # The text of a lambda is part of the function around it.
        qualname = outside_anonymous(qualname)
        decl = index.functions.get(qualname) if index is not None else None
        if index is not None and decl is not None:
            yield from self._written_steps(index, decl)

    def _written_steps(self, index: ModuleIndex, decl: FunctionDecl) -> Iterator[str | None]:
        key = f"{index.key}:{decl.qualname}"
        known = self._read.get(key)
        if known is None:
            known = self._known.get(key)
        if known is not None:
            yield from known
            return
        steps: dict[str | None, None] = {}
        for step in self._read_steps(index, decl):
            if step not in steps:
                steps[step] = None
                yield step
        # Here only if no lock was found before the end.
        self._read[key] = tuple(steps)

    def _read_steps(self, index: ModuleIndex, decl: FunctionDecl) -> Iterator[str | None]:
        uses = self._written.of(index, decl)
        if uses is None:
            yield None
            return
        for use in uses:
            found = self._written.runs(index, use)
            if self._is_event(use, found) or self._calls_back(index, use, found):
                yield None
            yield from found.targets
            yield from found.overrides
            yield from found.runs
            yield from found.possible
            yield from found.inside

    def _is_event(self, use: WrittenUse, found: Callee) -> bool:
        if named_in(self._blocking, found.targets, found.external) is not None:
            return True
        if found.is_hook and use.use is Use.DISCARDED and EventKind.HOOK in self._wanted:
            return True
        if found.targets:
            return False
        if found.external is None:
            return use.name in self._names
        event = event_around(found.external)
        return event is not None and event.kind in self._sought

    def _calls_back(self, index: ModuleIndex, use: WrittenUse, found: Callee) -> bool:
        """Return whether a use may call what an attribute keeps, or a method of such objects."""
        if use.question is not Question.CALL or found.external is not None:
            return False
        if found.targets and found.certain:
            return False
        decl = index.functions.get(use.function)
        kind = written_callback(use.path, use.use, decl, passes=use.passes)
        # Known functions of the object itself are no callbacks.
        is_known = bool(found.targets) and use.path.root is Root.SELF
        return kind in self._wanted and not is_known
