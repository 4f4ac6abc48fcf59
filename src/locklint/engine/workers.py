"""Workers that compute the facts of files: this process, or, in `engine.shares`, others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from locklint.core.source import SourceFile
from locklint.engine.facts import (
    FactSettings,
    FileFacts,
    FileInput,
    Lowered,
    OpenFile,
    facts_of,
    open_file,
)
from locklint.index.declarations import ModuleIndex

SHARE_BYTES = 200_000
"""The approximate number of bytes of source per share of a worker: a second or two of work."""

_DECLARATION_BYTES = 1_500
"""The weight of lowering one more function of a file."""


class LowerRequest(msgspec.Struct, frozen=True, array_like=True):
    """Functions of a file whose declarations are known, by qualified name, to be lowered."""

    source: SourceFile
    index: ModuleIndex
    is_newer: bool
    wanted: tuple[str, ...]

    @property
    def weight(self) -> int:
        """Return the approximate amount of work, in bytes of source."""
        return len(self.wanted) * _DECLARATION_BYTES

    @property
    def path(self) -> str:
        """The file, as it is shown."""
        return self.source.path


class FactsRequest(msgspec.Struct, frozen=True, array_like=True):
    """A file whose facts are wanted; without settings only its declarations."""

    file: FileInput
    settings: FactSettings | None

    @property
    def weight(self) -> int:
        """Return the approximate amount of work, in bytes of source."""
        return len(self.file.data)

    @property
    def path(self) -> str:
        """The file, as it is shown."""
        return self.file.shown


class Workers(Protocol):
    """Workers that yield results in the order of the requests, which are read as far as needed."""

    def facts(
        self, files: Iterable[FileInput], settings: FactSettings | None
    ) -> Iterator[FileFacts]:
        """The facts of files; without settings only their declarations."""

    def lower(self, requests: Sequence[LowerRequest]) -> Iterator[Lowered]:
        """The graphs of further functions."""

    def close(self) -> None:
        """End what was started."""


class Here:
    """This very process."""

    def facts(
        self, files: Iterable[FileInput], settings: FactSettings | None
    ) -> Iterator[FileFacts]:
        """The facts of files; without settings only their declarations."""
        for file in files:
            yield find_facts(FactsRequest(file, settings))

    def lower(self, requests: Sequence[LowerRequest]) -> Iterator[Lowered]:
        """The graphs of further functions."""
        yield from map(find_graphs, requests)

    def close(self) -> None:
        """Nothing was started."""


def find_facts(request: FactsRequest) -> FileFacts:
    """The facts of one file."""
    if request.settings is not None:
        return facts_of(request.file, request.settings)
    opened = open_file(request.file)
    lowered = Lowered({}, tuple(opened.not_analysed), tuple(opened.errors))
    if opened.file is None:
        return FileFacts(None, lowered, opened.cells)
    return FileFacts(opened.file.index, lowered, opened.cells, opened.file.is_newer)


def find_graphs(request: LowerRequest) -> Lowered:
    """The graphs of further functions of one file."""
    file = OpenFile(request.source, request.index, request.is_newer)
    return file.lower(request.wanted)
