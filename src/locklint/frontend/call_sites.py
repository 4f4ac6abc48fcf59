"""The calls of all files, by the last name of what they call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge

from locklint.frontend.name_table import NameTable
from locklint.index.declarations import CallSite, ModuleIndex, Parameter

MAX_CALL_SITES = 16
"""The largest number of calls of one function in other files that are looked at."""

Site = tuple[ModuleIndex, CallSite]


class CallSites:
    """The calls of a project's files, those that pass a certain parameter among them.

    A name may have thousands of calls, and each parameter of each function of that name asks. So
    the places of calls are kept by what they pass.
    """

    def __init__(self, modules: Callable[[], Iterable[ModuleIndex]]) -> None:
        self._table = NameTable(_call_sites, modules)
        self._passing: dict[str, _Passing] = {}

    def clear(self) -> None:
        """Drop everything; it is computed again when it is needed."""
        self._table.clear()
        self._passing.clear()

    def add(self, index: ModuleIndex) -> None:
        """Add the calls of a file that was read later."""
        self._table.add(index)

    def named(self, name: str) -> tuple[Site, ...]:
        """Return the calls by that last name, by module, all of them."""
        return self._table.named(name)

    def passing(self, name: str, parameter: Parameter, least: int, but: ModuleIndex) -> list[Site]:
        """Return the calls in other files for which `may_pass` holds, by module.

        Empty if there are more than `MAX_CALL_SITES`: a part of them proves nothing, and most calls
        by so common a name are of other functions.
        """
        sites = self._table.named(name)
        known = self._passing.get(name)
        if known is None or known.sites is not sites:
            known = self._passing[name] = _Passing(sites)
        found: list[Site] = []
        last = -1
        for place in merge(
            known.with_keyword(parameter.name),
            () if parameter.keyword_only else known.with_more_than(least),
        ):
            if place != last and sites[place][0].path != but.path:
                if len(found) == MAX_CALL_SITES:
                    return []
                found.append(sites[place])
            last = place
        return found


class _Passing:
    """The places of some calls in their order, by keywords and by the number of arguments."""

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self.sites = sites
        self._by_keyword: dict[str, list[int]] = {}
        self._by_count: dict[int, list[int]] = {}
        for place, (_, site) in enumerate(sites):
            for name, _ in site.call.keywords:
                self._by_keyword.setdefault(name, []).append(place)

    def with_keyword(self, name: str) -> list[int]:
        return self._by_keyword.get(name, [])

    def with_more_than(self, count: int) -> list[int]:
        known = self._by_count.get(count)
        if known is None:
            known = self._by_count[count] = [
                place
                for place, (_, site) in enumerate(self.sites)
                if len(site.call.arguments) > count
            ]
        return known


def may_pass(site: CallSite, parameter: Parameter, least: int) -> bool:
    """Return whether a call passes a parameter; ``least`` is the lowest position that it has."""
    if not parameter.keyword_only and len(site.call.arguments) > least:
        return True
    return any(name == parameter.name for name, _ in site.call.keywords)


def _call_sites(index: ModuleIndex) -> Iterator[tuple[str, Site]]:
    for site in index.call_sites:
        yield site.name, (index, site)
