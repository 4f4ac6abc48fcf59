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
from locklint.engine.discover import Discovery
from locklint.engine.file_bytes import FileBytes
from locklint.engine.find_files import UsageError, find_files
from locklint.engine.progress import NoProgress, Progress, tracked
from locklint.engine.read import ReadProblem
from locklint.engine.report import Report
from locklint.engine.run_cache import RunCache, RunKeys, marks, shape_of
from locklint.engine.settings import Settings
from locklint.engine.stdin import StdinText
from locklint.engine.store import BYTES
from locklint.index.lock_holders import LockHolders
from locklint.index.screen import configured_words, mentions_lock

if TYPE_CHECKING:
    from locklint.engine.memory import Memory
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
    memory: Memory | None = None,
) -> Report:
    """Return the report of `locklint.engine.pipeline.check`, cached or computed; raise as it does.

    ``before`` is called before an analysis, but not for a cached report; ``is_whole`` is called
    after it, and says whether its report may be cached. ``workers`` gives the workers for single
    files, given the number of bytes of these. ``compiles`` and ``memory`` are those of
    `locklint.engine.pipeline.Means`.

    Text from standard input is an editor's text, which changes with each key that is pressed, and
    is not cached.
    """
    try:
        discovery = find_files(paths, settings.config, settings.folder, stdin, progress)
    except UsageError:
        before()  # Which may have something more important to say.
        raise
    contents = FileBytes.of_disk(settings.config, stdin)
    store = cache if cache is not None and cache.prepare() else None
    run = None
    if store is not None and stdin is None:
        reports = RunCache(CacheStore(store, REPORTS))
        run = _Run(reports, paths, settings, discovery, contents, compiles)
        known = run.known(progress or NoProgress())
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
            contents,
            workers(sum(found.size for found in discovery.files)),
            FactsStore(CacheStore(store, FACTS)) if store is not None else None,
            compiles,
            memory,
        ),
    )
    if run is not None and not report.errors and is_whole():
        run.keep(report)
    return report


class _Run:
    """A run whose report may be cached."""

    def __init__(
        self,
        reports: RunCache,
        paths: Sequence[str],
        settings: Settings,
        discovery: Discovery,
        contents: FileBytes,
        compiles: bool,
    ) -> None:
        self._reports = reports
        self._config = settings.config
        self._files = discovery.files
        self._contents = contents
        self._compiles = compiles
        self._shape = shape_of(_parts(paths, settings, discovery, contents, compiles))

    def known(self, progress: Progress) -> Report | None:
        """Return a cached report that is valid for these texts.

        The files are not read for it if no run of the same shape is known.
        """
        silent_contents = self._reports.silent_contents(self._shape)
        if silent_contents is None:
            return None
        progress.begin("comparing files", len(self._files))
        for found in tracked(self._files, progress):
            self._contents.digest(found.path)
        keys = self._keys()
        known = self._reports.get(keys)
        if known is not None:
            return known
        holders = self._reports.holders(self._shape)
        if holders is None:
            return None
        words = configured_words(self._config)
        silent = {
            path
            for path, content in keys.contents.items()
            if content in silent_contents or self._is_silent(path, words, holders)
        }
        known = None if self._contents.has_changed else self._reports.get_changed(keys, silent)
        if known is not None:
            self._reports.put_name(keys, silent)
        return known

    def _is_silent(self, path: str, words: Sequence[bytes], holders: LockHolders) -> bool:
        """Return whether a file mentions no lock, uses nothing that has one, and is not broken."""
        try:
            data = self._contents.read(path)
        except ReadProblem:
            return False
        return (
            not mentions_lock(data, words)
            and not holders.are_used(data)
            and not is_broken(path, data, self._compiles)
        )

    def keep(self, report: Report) -> None:
        """Cache the report, unless a file was read twice and had changed meanwhile."""
        if not self._contents.has_changed:
            self._reports.put(self._keys(), report, marks(report.consulted))

    def _keys(self) -> RunKeys:
        contents = {found.path: self._contents.digest(found.path) for found in self._files}
        return RunKeys(self._shape, contents, sum(found.size for found in self._files))


def _parts(
    paths: Sequence[str],
    settings: Settings,
    discovery: Discovery,
    contents: FileBytes,
    compiles: bool,
) -> Iterator[bytes]:
    """Everything that decides the report of a run but the texts of the files."""
    here = os.path.realpath(os.curdir)
    yield repr(
        (here, compiles, [os.path.normpath(path) for path in paths], settings.folder)
    ).encode(*BYTES)
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
        module = contents.module_name(found.path)
        yield repr((found.path, real, by_folder[real_folder], *module)).encode(*BYTES)
    for problem in discovery.problems:
        yield repr((problem.path, problem.message)).encode(*BYTES)
