"""Searches through all files for functions that are not lowered yet, by what their texts say."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from locklint.engine.demand import calls_one_of
from locklint.engine.facts import OpenFile
from locklint.engine.program_files import AnalysedFile, outermost
from locklint.engine.solved_functions import SolvedFunctions
from locklint.frontend.value_types import FunctionType
from locklint.frontend.written_locks import enters, touches_lock
from locklint.index.declarations import FunctionDecl, Ref
from locklint.ir.cfg import Function, split_key
from locklint.ir.lock import ENTERING
from locklint.models.spawns import SETTERS_OF_THREADS, THREAD_MAKERS

_MOST_CALLERS = 12
"""The largest number of callers of one name that are looked at."""


def touching(solved: SolvedFunctions) -> dict[str, set[str]]:
    """Return, by path, the functions, not lowered yet, that turn out to use a lock."""
    found: dict[str, set[str]] = {}
    for path in solved.working(sorted(solved.files.searched)):
        file = solved.files.searched[path]
        resolver = solved.resolver_of(file.index)
        wanted = found[path] = set()
        for decl in file.index.functions.values():
            if decl.lock_uses:
                outer = outermost(file.index, decl).qualname
                asked = partial(touches_lock, resolver, file.index, decl)
                if outer not in file.lowered and solved.answer(file, asked, False):
                    wanted.add(outer)
    return found


def callers(solved: SolvedFunctions, keys: set[str]) -> dict[str, set[str]]:
    """Return, by path, the functions, not lowered yet, that call or enter one of ``keys``."""
    called = {key: split_key(key)[1].rpartition(".")[2].partition("@")[0] for key in keys}
    names = set(called.values()) - {"__init__"}
    entering_names = _entering_names(solved)
    entering = {key for key, name in called.items() if name in entering_names}
    calls = solved.written_calls().calls
    found: dict[str, set[str]] = {}
    for path in solved.working(sorted(solved.files.searched)):
        file = solved.files.files[path]
        index = file.index
        resolver = solved.resolver_of(index)
        wanted = found[path] = set()
        near: list[tuple[str, FunctionDecl]] = []
        for declaration in index.functions.values():
            is_near = not names.isdisjoint(declaration.called)
            if not is_near and not (entering and declaration.lock_uses):
                continue
            outer = outermost(index, declaration).qualname
            if outer in file.lowered:
                continue
            if is_near:
                near.append((outer, declaration))
            if entering:
                asked = partial(enters, resolver, index, declaration, entering)
                if solved.answer(file, asked, False):
                    wanted.add(outer)
        for outer, declaration in near:
            asked = partial(calls, index, declaration, names, keys)
            if outer not in wanted and solved.answer(file, asked, False):
                wanted.add(outer)
    return found


def _entering_names(solved: SolvedFunctions) -> frozenset[str]:
    """The names of methods that a `with` calls, by their own names or by others of classes.

    ``__enter__ = acquire`` makes `acquire` one.
    """
    others = {
        binding.value.names[-1]
        for file in solved.files.searched.values()
        for decl in file.index.classes.values()
        for name in ENTERING
        for binding in decl.attributes.get(name, ())
        if isinstance(binding.value, Ref)
    }
    return frozenset({*ENTERING, *others})


def behind_locking_decorators(solved: SolvedFunctions) -> dict[str, set[str]]:
    """Return, by path, the functions, not lowered yet, that a locking decorator guards."""
    decorations = solved.decorations
    found: dict[str, set[str]] = {}
    for path in solved.working(sorted(solved.files.searched)):
        file = solved.files.files[path]
        wanted: set[str] = set()
        for qualname, decl in file.index.functions.items():
            if not decl.decorators or outermost(file.index, decl).qualname in file.lowered:
                continue
            use = decorations.use(
                decorations.called(FunctionType(file.index.path, qualname, file.index))
            )
            while use is not None:
                if use.wrapper.decl.mentions_lock:
                    wanted.add(outermost(file.index, decl).qualname)
                    break
                use = solved.next_use(use)
        found[path] = wanted
    return found


def unlowered_callers(
    solved: SolvedFunctions, names: set[str], keys: Collection[str] | None = None
) -> dict[str, set[str]]:
    """Return, by path, the functions that call one of those names, if only a few call it.

    ``keys``: what they call has to be one of these functions.
    """
    callers: dict[str, list[tuple[AnalysedFile, FunctionDecl, str]]] = {}
    for file in solved.files.searched.values():
        for decl in file.index.functions.values():
            for name in names.intersection(decl.called):
                outer = outermost(file.index, decl).qualname
                callers.setdefault(name, []).append((file, decl, outer))
    calls = solved.written_calls().calls
    wanted: dict[str, set[str]] = {}
    for places in callers.values():
        if len(places) > _MOST_CALLERS:
            continue
        for searched, decl, qualname in places:
            path = searched.source.path
            if qualname in solved.files.files[path].lowered:
                continue
            if keys is not None:
                asked = partial(calls, searched.index, decl, names, keys)
                if not solved.answer(searched, asked, False):
                    continue
            wanted.setdefault(path, set()).add(qualname)
    return wanted


def with_few_callers(solved: SolvedFunctions, keys: Collection[str]) -> set[str]:
    """Return those functions whose bare names only a few others call."""
    names = {key: split_key(key)[1].rpartition(".")[2] for key in keys}
    callers = dict.fromkeys(names.values(), 0)
    asked = frozenset(callers)
    for file in solved.files.searched.values() if names else ():
        for decl in file.index.functions.values():
            for name in asked.intersection(decl.called):
                callers[name] += 1
    return {key for key, name in names.items() if callers[name] <= _MOST_CALLERS}


def naming(solved: SolvedFunctions, methods: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    """Return, by path, the functions that call methods of something, each with its name."""
    wanted: dict[str, set[str]] = {}
    written = [(f"{name}.{method}", (name, method)) for name, method in methods]
    called = {method for _, method in methods}
    for path, file in solved.files.searched.items() if methods else ():
        decls = [
            each for each in file.index.functions.values() if not called.isdisjoint(each.called)
        ]
        if not decls:
            continue  # Most files call none of them, and to search a text takes longer.
        text = file.source.text
        found = {method for words, method in written if words in text}
        for decl in decls if found else ():
            if calls_one_of(decl, found):
                wanted.setdefault(path, set()).add(outermost(file.index, decl).qualname)
    return wanted


def calling(solved: SolvedFunctions, names_in: Callable[[str], frozenset[str]]) -> list[Function]:
    """Lower the functions that call something of the names that matter in a file of a text.

    Return those statements of modules that do, even if all code of the module is lowered.
    """
    wanted: dict[str, set[str]] = {}
    found: list[Function] = []
    for path, file in solved.files.searched.items():
        names = names_in(file.source.text)
        wanted[path] = {
            outermost(file.index, decl).qualname
            for decl in file.index.functions.values()
            if not names.isdisjoint(decl.called)
        }
        if not names.isdisjoint(file.index.called):
            asked = partial(OpenFile(file.source, file.index).module_code_calling, names)
            found += solved.with_effects(file, solved.answer(file, asked, ()))
    solved.add(solved.lowered(wanted))
    return found


def names_of_threads(text: str) -> frozenset[str]:
    """Return the last names of calls that may start threads in a file of that text."""
    return THREAD_MAKERS | SETTERS_OF_THREADS if "threading" in text else frozenset()


def found_in(text: str, names: frozenset[str]) -> frozenset[str]:
    """Return those of some names that a text contains."""
    return frozenset([name for name in names if name in text])


def classes_below(solved: SolvedFunctions, bases: frozenset[str]) -> frozenset[str]:
    """Return the names of classes that may descend from one of some names."""
    found: set[str] = set(bases)
    known = 0
    while known < len(found):
        known = len(found)
        for file in solved.files.searched.values():
            for decl in file.index.classes.values():
                above = [base for base in decl.bases if isinstance(base, Ref)]
                if any(base.names[-1] in found for base in above):
                    found.add(decl.name)
    return frozenset(found - bases)
