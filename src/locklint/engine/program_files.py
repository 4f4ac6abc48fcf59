"""Declarations and graphs from paths: the part of a run that looks at one file at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from locklint.core.config import Config
from locklint.core.not_analysed import NotAnalysed, Reason
from locklint.core.source import SourceFile
from locklint.engine.broken_file import is_broken
from locklint.engine.discover import FoundFile
from locklint.engine.facts import (
    FactSettings,
    FileFacts,
    FileInput,
    Lowered,
    outermost,
    problem_at,
    source_of,
)
from locklint.engine.facts_store import FactsStore
from locklint.engine.file_bytes import FileBytes, ModuleFile
from locklint.engine.progress import NoProgress, Progress, tracked
from locklint.engine.read import ReadProblem
from locklint.engine.report import InternalError
from locklint.engine.workers import Here, LowerRequest, Workers
from locklint.index.declarations import ModuleIndex
from locklint.index.lock_holders import (
    LockHolders,
    hands_on_class,
    imported_names,
    imports_one_of,
)
from locklint.index.screen import configured_words, mentions_lock
from locklint.ir.cfg import Function

__all__ = ["AnalysedFile", "ProgramFiles", "outermost"]


@dataclass
class AnalysedFile:
    """A file: its text, its declarations, and what of it was lowered.

    One that mentions no lock is there only because a name has led to it.
    """

    source: SourceFile
    index: ModuleIndex
    is_newer: bool = False
    lowered: set[str] = field(default_factory=set)
    mentions_locks: bool = True


class ProgramFiles:
    """The files of a run, read and lowered when they are needed.

    A file that cannot be analysed, or a function of it, is in ``not_analysed``, or, where it is a
    defect of locklint, in ``errors``; the run continues. ``unparsed`` are notebooks that could not
    be parsed; ``consulted`` are files and folders of installed packages that were looked at
    meanwhile; ``silent`` and ``loaded`` are the files that mention no lock, and those among them
    that were needed nevertheless, by their paths; ``holders`` decide which of them use locks.
    ``searched`` are the files that were read before the first question about a name, with what they
    import. A file that a name has led to is looked up in ``files``, but no search goes through it:
    so no result depends on what was looked up before.
    """

    def __init__(
        self,
        config: Config,
        contents: FileBytes | None = None,
        workers: Workers | None = None,
        store: FactsStore | None = None,
        *,
        compiles: bool = False,
    ) -> None:
        """``compiles``: look for all errors by which Python cannot use a file."""

        self.not_analysed: list[NotAnalysed] = []
        self.errors: list[InternalError] = []
        self.files: dict[str, AnalysedFile] = {}
        self.searched: dict[str, AnalysedFile] = {}
        self.unparsed: dict[str, SourceFile] = {}
        self.consulted: set[str] = set()
        self.silent: set[str] = set()
        self.loaded: set[str] = set()
        self._contents = contents or FileBytes.of_disk(config)
        self._words = configured_words(config)
        self._oldest = config.oldest_minor
        self._settings = FactSettings.of(config, compiles=compiles)
        self._workers = workers or Here()
        self._store = store or FactsStore()
        # Under which keys the store keeps the files, the graphs that it knows of each beyond its
        # facts, and those that it does not know yet; by path.
        self._known: dict[str, dict[str, tuple[Function, ...]]] = {}
        self._new: dict[str, dict[str, tuple[Function, ...]]] = {}
        self._keys: dict[str, bytes] = {}
        self._named: dict[str, ModuleFile] = {}
        self._unread: dict[str, list[ModuleFile]] = {}
        # What the unread files import, by the paths that are shown.
        self._imports: dict[str, frozenset[bytes]] = {}
        self.holders = LockHolders({})

    # -- files that mention locks -----------------------------------------------------------

    def read_all(
        self, found: Iterable[FoundFile], progress: Progress | None = None
    ) -> list[tuple[AnalysedFile, list[Function]]]:
        """Read the files; give those that mention locks, with the graphs of what may touch one.

        Files that use what has locks are indexed as well.
        """
        files: list[tuple[AnalysedFile, list[Function]]] = []
        progress = progress or NoProgress()
        named = self._contents.named(found)
        self._named = {each.shown: each for each in named}
        screened = self._screened(named, progress)
        for file, facts in tracked(self._facts(screened), progress):
            analysed = self._adopt(file, facts)
            if analysed is not None:
                analysed.mentions_locks = mentions_lock(file.data, self._words)
                functions = [each for group in facts.lowered.graphs.values() for each in group]
                files.append((analysed, functions))
        self._load_users()
        self.searched.update(self.files)
        return files

    def _load_users(self) -> None:
        """Index the files that mention no lock, but use what has one."""
        if not self._imports:
            return
        from locklint.models.words import WORDS

        indexes = [file.index for file in self.files.values()]
        self.holders = LockHolders.of(indexes, WORDS.makers)
        unread = [each for files in self._unread.values() for each in files]
        for each in sorted(unread, key=lambda file: file.shown):
            if self.holders.may_be_used(self._imports[each.shown]):
                try:
                    is_user = self.holders.are_used(self._contents.read(each.path))
                except ReadProblem:
                    continue
                if is_user:
                    self.load(each.module, each.shown)
        self._imports.clear()

    def _screened(self, found: Sequence[ModuleFile], progress: Progress) -> Iterator[FileInput]:
        """Return the files whose bytes mention locks; note the others, so that `load` finds them.

        These others are done with, and so counted.
        """
        for each in found:
            try:
                data = self._contents.read(each.path)
                # A broken file is a finding, whether or not it mentions a lock.
                mentions = mentions_lock(data, self._words) or is_broken(
                    each.path, data, self._settings.compiles
                )
            except ReadProblem as problem:
                self._cannot_read(each.shown, problem.message, problem.line or 1)
                mentions, data = True, None
            except Exception as error:
                self.errors.append(InternalError.of(each.shown, error))
                mentions, data = True, None
            if not mentions:
                self.silent.add(each.path)
                self._unread.setdefault(each.module, []).append(each)
                self._imports[each.shown] = imported_names(data or b"")
            if not mentions or data is None:
                progress.advance()
            else:
                self._contents.forget(each.path)
                yield self._input(each, data)

    def _input(self, file: ModuleFile, data: bytes) -> FileInput:
        return FileInput(file.shown, file.module, file.is_package, file.unique, data, self._oldest)

    def _facts(self, inputs: Iterator[FileInput]) -> Iterator[tuple[FileInput, FileFacts]]:
        """Return the facts of files in their order, from the store or newly computed."""
        pending: deque[tuple[FileInput, FileFacts | None]] = deque()

        def unknown() -> Iterator[FileInput]:
            for file in inputs:
                key = self._store.key(file, self._settings)
                self._keys[file.shown] = key
                known = self._store.facts(key, file)
                pending.append((file, known))
                if known is None:
                    yield file

        def next_known() -> Iterator[tuple[FileInput, FileFacts]]:
            while pending and pending[0][1] is not None:
                file, known = pending.popleft()
                assert known is not None
                yield file, known

        for made in self._workers.facts(unknown(), self._settings):
            yield from next_known()
            file, _ = pending.popleft()
            self._store.keep_facts(self._keys[file.shown], made)
            yield file, made
        yield from next_known()

    def _adopt(self, file: FileInput, facts: FileFacts) -> AnalysedFile | None:
        """Add the facts of a file."""
        self._note(facts.lowered)
        if facts.index is None and not facts.cells:
            return None
        source = source_of(file)
        if source is None:
            return None
        if facts.index is None:
            # The place of the problem is one in a cell.
            self.unparsed[file.shown] = source
            return None
        lowered = set(facts.lowered.graphs)
        analysed = AnalysedFile(source, facts.index, facts.is_newer, lowered)
        self.files[file.shown] = analysed
        return analysed

    def _note(self, lowered: Lowered) -> None:
        self.not_analysed += lowered.not_analysed
        self.errors += lowered.errors

    def add_text(self, path: str, text: str) -> tuple[AnalysedFile | None, list[Function]]:
        """Add a text as if it were that of the file at a path; return the graphs that may matter.

        It is treated as one that mentions locks.
        """
        module, is_package = self._contents.module_name(path)
        file = FileInput(path, module, is_package, "", text.encode("utf-8"), self._oldest)
        ((_, facts),) = self._facts(iter([file]))
        analysed = self._adopt(file, facts)
        if analysed is None:
            return None, []
        self.searched[path] = analysed
        return analysed, [each for group in facts.lowered.graphs.values() for each in group]

    # -- files that mention none ------------------------------------------------------------

    def unread(self, module: str) -> Sequence[ModuleFile]:
        """Return the files of a module name that mention no lock and were not read yet."""
        return self._unread.get(module, ())

    def load(self, module: str, shown: str) -> ModuleIndex | None:
        """Index one of the files of `unread`. Return None if it cannot be read or parsed."""
        files = self._unread.pop(module)
        each = next(file for file in files if file.shown == shown)
        if len(files) > 1:
            self._unread[module] = [file for file in files if file is not each]
        self.loaded.add(each.path)
        try:
            file = self._input(each, self._contents.read(each.path))
        except ReadProblem:
            return None
        self._contents.forget(each.path)
        self._keys[file.shown] = key = self._store.key(file, None)
        facts = self._store.facts(key, file)
        if facts is None:
            (facts,) = Here().facts([file], None)
            self._store.keep_facts(key, facts)
        analysed = self._adopt(file, facts)
        if analysed is None:
            return None
        analysed.mentions_locks = False
        return analysed.index

    def may_tell(self, module: str, shown: str) -> bool:
        """Return whether one of the files of `unread` has a part in searches.

        It may call what it imports of files with locks, or derive from it, use primitives of a
        library that cannot be held, and give a class another name.
        """
        file = next(each for each in self._unread[module] if each.shown == shown)
        self.loaded.add(file.path)  # The report rests on it in both cases.
        try:
            data = self._contents.read(file.path)
        except ReadProblem:
            return False
        package = module if file.is_package else module.rpartition(".")[0]
        return imports_one_of(data, package, self._modules_with_locks) or hands_on_class(data)

    @cached_property
    def _modules_with_locks(self) -> frozenset[str]:
        from locklint.models.words import WORDS

        ours = {each.index.module for each in self.files.values() if each.mentions_locks}
        return WORDS.modules | ours

    def has_module(self, dotted: str) -> bool:
        """Return whether a dotted name may lead into a file that was not read yet."""
        parts = dotted.split(".")
        return any(".".join(parts[:length]) in self._unread for length in range(len(parts), 0, -1))

    # -- lowering ---------------------------------------------------------------------------

    def lower(self, file: AnalysedFile, qualnames: Iterable[str]) -> list[Function]:
        """The graphs of those functions that were not lowered yet, nested ones included."""
        return self.lower_all({file.source.path: set(qualnames)}).get(file.source.path, [])

    def lower_all(
        self, wanted: Mapping[str, Collection[str]], progress: Progress | None = None
    ) -> dict[str, list[Function]]:
        """Return the results of `lower` for several files, by path, if there are new graphs.

        The paths of the result are sorted.
        """
        fresh: dict[str, list[str]] = {}
        for path in sorted(wanted):
            file = self.files[path]
            names = sorted(set(wanted[path]) - file.lowered)
            if names:
                file.lowered.update(names)
                fresh[path] = names
        found: dict[str, dict[str, tuple[Function, ...]]] = {}
        requests: list[LowerRequest] = []
        for path, names in fresh.items():
            known = self._graphs(path)
            found[path] = {name: known[name] for name in names if name in known}
            missing = tuple(name for name in names if name not in known)
            if missing:
                file = self.files[path]
                requests.append(LowerRequest(file.source, file.index, file.is_newer, missing))
        done = tracked(self._workers.lower(requests), progress or NoProgress(), 0)
        for request, lowered in zip(requests, done, strict=True):
            self._note(lowered)
            path = request.source.path
            found[path].update(lowered.graphs)
            if self._store.keeps and not lowered.not_analysed and not lowered.errors:
                self._new.setdefault(path, {}).update(lowered.graphs)
        return {
            path: [each for name in names for each in found[path].get(name, ())]
            for path, names in fresh.items()
        }

    def _graphs(self, path: str) -> dict[str, tuple[Function, ...]]:
        """The graphs of a file that the store knows beyond those among its facts."""
        if path not in self._known:
            file = self.files[path]
            self._known[path] = self._store.graphs(self._keys[path], file.source, file.index)
        return self._known[path]

    def keep_graphs(self) -> None:
        """Let the store know what was lowered on demand."""
        for path in sorted(self._new):
            graphs = {**self._graphs(path), **self._new[path]}
            self._store.keep_graphs(self._keys[path], graphs)
        self._new.clear()
        self._store.flush()

    def key(self, shown: str) -> bytes:
        """Return the key under which the store keeps a file's facts; empty if there are none."""
        return self._keys.get(shown, b"")

    def content(self, shown: str) -> tuple[str, ...] | None:
        """Return names and a digest of a file's bytes, read or not. Return None if none is there.

        If they are equal in two runs, the declarations and graphs of the file are.
        """
        file = self._named.get(shown)
        if file is None:
            return None
        digest = self._contents.digest(file.path).hex()
        return (file.module, str(file.is_package), file.unique, digest)

    # -- problems ---------------------------------------------------------------------------

    def problem(self, shown: str, message: str) -> None:
        """Note that a file cannot be read."""
        self._cannot_read(shown, message, 1)

    def _cannot_read(self, shown: str, message: str, line: int) -> None:
        self.not_analysed.append(problem_at(shown, Reason.UNREADABLE, message, line))
