"""A check that is answered from the cache where nothing has changed since it was last made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import msgspec

from locklint.core.config import Config
from locklint.engine.discover import Discovery, FoundFile
from locklint.engine.find_files import UsageError, find_files
from locklint.engine.module_names import ModuleNames
from locklint.engine.progress import Progress
from locklint.engine.read import ReadProblem, read_bytes
from locklint.engine.report import Report
from locklint.engine.run_cache import RunCache, RunKey, digest, marks
from locklint.engine.settings import Settings
from locklint.engine.stdin import StdinText


def cached_check(
    paths: Sequence[str],
    settings: Settings,
    cache: RunCache | None,
    *,
    progress: Progress | None = None,
    stdin: StdinText | None = None,
    before: Callable[[], None] = lambda: None,
    is_whole: Callable[[], bool] = lambda: True,
) -> Report:
    """What `locklint.engine.pipeline.check` says, remembered or worked out; raises as it does.

    ``before`` is called in front of an analysis, and not of what is remembered; ``is_whole`` after
    it, and says whether its report may be kept.

    Text that comes from standard input is what an editor holds, new with each key that is pressed,
    and is not remembered.
    """
    try:
        discovery = find_files(paths, settings.config, settings.folder, stdin)
    except UsageError:
        before()  # Which may have something more important to say.
        raise
    key = None
    if cache is not None and stdin is None and cache.prepare():
        key = RunKey.of(_parts(paths, settings, discovery))
        known = cache.get(key)
        if known is not None:
            return known
    before()
    from locklint.engine.pipeline import check

    report = check(
        paths,
        settings.config,
        progress=progress,
        settings=settings,
        stdin=stdin,
        discovery=discovery,
    )
    # A file that was changed meanwhile would be remembered with what the old text deserves.
    if cache is not None and key is not None and not report.errors and is_whole():
        if RunKey.of(_parts(paths, settings, discovery)) == key:
            cache.put(key, report, marks(report.consulted))
    return report


def _parts(paths: Sequence[str], settings: Settings, discovery: Discovery) -> Iterator[bytes]:
    """Everything that decides the report of a run."""
    here = os.path.realpath(os.curdir)
    yield repr((here, [os.path.normpath(path) for path in paths], settings.folder)).encode(*_BYTES)
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
                yield msgspec.json.encode(config) + str(place).encode(*_BYTES)
        module = names.name(found.path)
        yield repr((found.path, real, by_folder[real_folder], *module)).encode(*_BYTES)
        yield _content(found)
    for problem in discovery.problems:
        yield repr((problem.path, problem.message)).encode(*_BYTES)


# Paths may hold bytes that are no text.
_BYTES = ("utf-8", "surrogatepass")


def _content(found: FoundFile) -> bytes:
    try:
        return digest(read_bytes(found.path))
    except ReadProblem as problem:
        return problem.message.encode(*_BYTES)
