"""A check that uses the cache as far as possible.

If nothing that matters has changed, the whole report is cached; otherwise the facts of unchanged
files are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from locklint.core.config import Config
from locklint.engine.broken_file import is_broken
from locklint.engine.cache_store import FACTS, REPORTS, CacheFile, CacheStore
from locklint.engine.discover import Discovery, FoundFile
from locklint.engine.find_files import UsageError, find_files
from locklint.engine.module_names import ModuleNames
from locklint.engine.progress import NoProgress, Progress, tracked
from locklint.engine.read import ReadProblem, read_bytes
from locklint.engine.report import Report
from locklint.engine.run_cache import BYTES, RunCache, RunKeys, marks
from locklint.engine.settings import Settings
from locklint.engine.stdin import StdinText
from locklint.engine.store import digest
from locklint.index.lock_holders import LockHolders
from locklint.index.screen import configured_words, mentions_lock

if TYPE_CHECKING:
    from locklint.engine.workers import Workers


def cached_check(
    paths: Sequence[str],
    settings: Settings,
    cache: CacheFile | None,
    *,
    progress: Progress | None = None,
    stdin: StdinText | None = None,
    before: Callable[[], None] = lambda: None,
    is_whole: Callable[[], bool] = lambda: True,
    workers: Callable[[int], Workers | None] = lambda work: None,
    compiles: bool = False,
) -> Report:
    """Return the report of `locklint.engine.pipeline.check`, cached or computed; raise as it does.

    ``before`` is called before an analysis, but not for a cached report; ``is_whole`` is called
    after it, and says whether its report may be cached. ``workers`` gives the workers for single
    files, given the number of bytes of these. ``compiles`` is that of
    `locklint.engine.pipeline.Means`.

    Text from standard input is an editor's text, which changes with each key that is pressed, and
    is not cached.
    """
    try:
        discovery = find_files(paths, settings.config, settings.folder, stdin, progress)
    except UsageError:
        before()  # Which may have something more important to say.
        raise
    keys = None
    is_used = cache is not None and cache.prepare()
    reports = RunCache(CacheStore(cache, REPORTS)) if cache and is_used and stdin is None else None
    if reports is not None:
        keys = _keys(paths, settings, discovery, compiles, progress)
        known = _known(reports, keys, discovery, settings.config, compiles)
        if known is not None:
            return replace(known, passed_over=discovery.passed_over)
    before()
    from locklint.engine.facts_store import FactsStore
    from locklint.engine.pipeline import Means, check

    report = check(
        paths,
        settings.config,
        progress=progress,
        settings=settings,
        stdin=stdin,
        discovery=discovery,
        means=Means(
            workers=workers(sum(found.size for found in discovery.files)),
            store=FactsStore(CacheStore(cache, FACTS)) if cache and is_used else None,
            compiles=compiles,
        ),
    )
    # A file that was changed meanwhile would be cached with the findings of the old text.
    if reports is not None and keys is not None and not report.errors and is_whole():
        if _keys(paths, settings, discovery, compiles) == keys:
            reports.put(keys, report, marks(report.consulted))
    return report


def _known(
    cache: RunCache, keys: RunKeys, discovery: Discovery, config: Config, compiles: bool
) -> Report | None:
    """Return a cached report that is valid for these texts."""
    known = cache.get(keys)
    if known is not None:
        return known
    silent_contents = cache.silent_contents(keys)
    holders = cache.holders(keys)
    if silent_contents is None or holders is None:
        return None
    words = configured_words(config)
    silent: set[str] = set()
    for found in discovery.files:
        content = keys.contents[found.path]
        if content in silent_contents or _is_silent(found, content, words, holders, compiles):
            silent.add(found.path)
    known = cache.get_changed(keys, silent)
    if known is not None:
        cache.put_name(keys, silent)
    return known


def _is_silent(
    found: FoundFile,
    content: bytes,
    words: Sequence[bytes],
    holders: LockHolders,
    compiles: bool,
) -> bool:
    """Return whether a file, if it still has that content, says nothing about locks.

    It mentions none, uses nothing that has one, and is not broken.
    """
    try:
        data = read_bytes(found.path)
    except ReadProblem:
        return False
    return (
        digest(data) == content
        and not mentions_lock(data, words)
        and not holders.are_used(data)
        and not is_broken(found.path, data, compiles)
    )


def _keys(
    paths: Sequence[str],
    settings: Settings,
    discovery: Discovery,
    compiles: bool,
    progress: Progress | None = None,
) -> RunKeys:
    progress = progress or NoProgress()
    progress.begin("comparing files", len(discovery.files))
    contents = {found.path: _content(found) for found in tracked(discovery.files, progress)}
    size = sum(found.size for found in discovery.files)
    return RunKeys.of(_parts(paths, settings, discovery, compiles), contents, size)


def _parts(
    paths: Sequence[str], settings: Settings, discovery: Discovery, compiles: bool
) -> Iterator[bytes]:
    """Everything that decides the report of a run but the texts of the files."""
    here = os.path.realpath(os.curdir)
    yield repr(
        (here, compiles, [os.path.normpath(path) for path in paths], settings.folder)
    ).encode(*BYTES)
    names = ModuleNames(settings.config.source_roots)
    real_folders: dict[str, str] = {}
    configs: list[Config] = []
    by_folder: dict[str, int] = {}
    for found in discovery.files:
        folder, name = os.path.split(found.path)
        if folder not in real_folders:
            real_folders[folder] = os.path.realpath(folder)
        # Settings, and patterns in them, are about what a link leads to.
        is_link = os.path.islink(found.path)
        real = os.path.realpath(found.path) if is_link else f"{real_folders[folder]}/{name}"
        real_folder = os.path.dirname(real)
        if real_folder not in by_folder:
            config, place = settings.source_of(found.path)
            known = [number for number, other in enumerate(configs) if other is config]
            by_folder[real_folder] = known[0] if known else len(configs)
            if not known:
                configs.append(config)
                yield msgspec.json.encode(config) + str(place).encode(*BYTES)
        module = names.name(found.path)
        yield repr((found.path, real, by_folder[real_folder], *module)).encode(*BYTES)
    for problem in discovery.problems:
        yield repr((problem.path, problem.message)).encode(*BYTES)


def _content(found: FoundFile) -> bytes:
    try:
        return digest(read_bytes(found.path))
    except ReadProblem as problem:
        return problem.message.encode(*BYTES)
