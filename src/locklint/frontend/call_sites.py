"""The calls of all files, by the last name of what they call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from locklint.frontend.name_table import NameTable
from locklint.frontend.trace import InterfaceKind, Trace
from locklint.index import build
from locklint.index.declarations import CallSite, ModuleIndex, Parameter

MAX_CALL_SITES = 16
"""The largest number of calls of one function in other files that are looked at."""

_TOO_MANY = MAX_CALL_SITES + build.MAX_CALL_SITES
"""A number of calls of one name of which more than `MAX_CALL_SITES` are in other files."""

Site = tuple[ModuleIndex, CallSite]


class CallSites:
    """The calls of a project's files, those that pass a certain parameter among them.

    A name may have thousands of calls, and each parameter of each function of that name asks. So
    the places of calls are kept by what they pass.
    """

    def __init__(self, modules: Sequence[ModuleIndex], trace: Trace) -> None:
        self._trace = trace
        self._table = NameTable(_call_sites, modules)
        self._passing: dict[str, _Passing] = {}

    def named(self, name: str) -> list[Site]:
        """Return the calls by that last name, by module, all of them."""
        self._trace.note(InterfaceKind.CALLS, name)
        return [(index, site) for index, sites in self._table.files(name) for site in sites]

    def count(self, name: str) -> int:
        """Return the number of calls by that last name."""
        self._trace.note(InterfaceKind.CALLS, name)
        return sum([len(sites) for _, sites in self._table.files(name)])

    def passing(self, name: str, parameter: Parameter, least: int, but: ModuleIndex) -> list[Site]:
        """Return the calls in other files for which `may_pass` holds, by module.

        Empty if there are more than `MAX_CALL_SITES`: a part of them proves nothing, and most calls
        by so common a name are of other functions.
        """
        if self._trace.is_on:
            self._trace.note(InterfaceKind.CALLS, name)
        known = self._passing.get(name)
        if known is None:
            files = self._table.number_of_files(name)
            if not files or (files == 1 and next(self._table.files(name))[0].path == but.path):
                return []
            known = self._passing[name] = _Passing()
            for index, sites in self._table.files(name):
                for place, site in enumerate(sites):
                    known.add(index, place, site)
        found = [site for site in known.passing(parameter, least) if site[0].path != but.path]
        return found if len(found) <= MAX_CALL_SITES else []


_Placed = tuple[int, Site]


class _Passing:
    """Calls of one name, by keywords and by the number of arguments; of each one more than enough.

    Each call has its place among those of its file.
    """

    def __init__(self) -> None:
        self._by_keyword: dict[str, list[_Placed]] = {}
        self._by_count: list[list[_Placed]] = []

    def add(self, index: ModuleIndex, place: int, site: CallSite) -> None:
        """Add a call of a file."""
        placed = (place, (index, site))
        for keyword, _ in site.call.keywords:
            passing = self._by_keyword.setdefault(keyword, [])
            if len(passing) <= _TOO_MANY:
                passing.append(placed)
        by_count = self._by_count
        for count in range(len(site.call.arguments)):
            if count == len(by_count):
                by_count.append([])
            if len(by_count[count]) <= _TOO_MANY:
                by_count[count].append(placed)

    def passing(self, parameter: Parameter, least: int) -> list[Site]:
        """Return the calls that pass a parameter, in order; none if more do than are looked at."""
        by_keyword = self._with_keyword(parameter)
        by_count = self._with_more_than(parameter, least)
        if len(by_keyword) > _TOO_MANY or len(by_count) > _TOO_MANY:
            return []
        if not by_keyword:
            return [each[1] for each in by_count]  # They were added in order.
        found = {_order(each): each[1] for each in (*by_keyword, *by_count)}
        return [found[order] for order in sorted(found)]

    def _with_keyword(self, parameter: Parameter) -> Sequence[_Placed]:
        return self._by_keyword.get(parameter.name, ())

    def _with_more_than(self, parameter: Parameter, least: int) -> Sequence[_Placed]:
        if parameter.keyword_only or least >= len(self._by_count):
            return ()
        return self._by_count[max(least, 0)]


def _order(placed: _Placed) -> tuple[str, str, int]:
    place, (index, _) = placed
    return index.module, index.path, place


def may_pass(site: CallSite, parameter: Parameter, least: int) -> bool:
    """Return whether a call passes a parameter; ``least`` is the lowest position that it has."""
    if not parameter.keyword_only and len(site.call.arguments) > least:
        return True
    return any(name == parameter.name for name, _ in site.call.keywords)


def _call_sites(index: ModuleIndex) -> Iterator[tuple[str, CallSite]]:
    for site in index.call_sites:
        yield site.name, site
