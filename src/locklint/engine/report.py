"""The results of a run, as reporters get them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from locklint.core.diagnostic import Confidence, Diagnostic
from locklint.core.not_analysed import NotAnalysed
from locklint.core.source import SourceFile
from locklint.index.lock_holders import LockHolders

NO_MEMORY = "not enough memory"


class InternalError(msgspec.Struct, frozen=True):
    """An unexpected error of locklint's own while it worked on one file."""

    path: str
    message: str
    traceback: str

    @classmethod
    def of(cls, path: str, error: BaseException) -> InternalError:
        """Return the record of an exception that was caught."""
        details = "".join(traceback.format_exception(error))
        what = NO_MEMORY if lacks_memory(error) else f"{type(error).__name__}: {error}"
        return cls(path, what, details)

    @property
    def description(self) -> str:
        """Return the text for the user: that memory ran out is no bug."""
        if self.message == NO_MEMORY:
            return NO_MEMORY
        return f"internal error, a bug in locklint: {self.message}"


def lines_of_errors(errors: Sequence[InternalError]) -> list[str]:
    """Return lines for the user: one for each error, one for all that lacked memory."""
    told = dict.fromkeys(f"{e.path}: {e.description}" for e in errors if e.message != NO_MEMORY)
    paths = dict.fromkeys(e.path for e in errors if e.message == NO_MEMORY)
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        told[f"{next(iter(paths))}{more}: {NO_MEMORY}"] = None
    return list(told)


def lacks_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory, here or for the stack of a thread, ran out."""
    is_refused_thread = isinstance(error, RuntimeError) and "start new thread" in str(error)
    # The interpreter could not even make an exception.
    is_lost = isinstance(error, SystemError) and "without" in str(error)
    return is_refused_thread or is_lost or isinstance(error, MemoryError)


class UnknownName(msgspec.Struct, frozen=True, order=True):
    """A name in a setting that nothing has; ``message`` says what exists.

    The confidence is high if no other file can have it, medium if the name looks misspelt, low if
    code that was not analysed may well have it.
    """

    setting: str
    name: str
    message: str
    confidence: Confidence = Confidence.HIGH

    @property
    def is_certain(self) -> bool:
        """Return whether nothing in the project can have the name."""
        return self.confidence is Confidence.HIGH


class Silenced(msgspec.Struct, frozen=True):
    """A finding that a comment suppresses, and the reason that it gives; empty if none."""

    diagnostic: Diagnostic
    reason: str = ""


class Statistics(msgspec.Struct, frozen=True):
    """The extent of the analysis: files, files that mention locks, functions, and locks.

    ``incomplete`` are those of the functions about which nothing is concluded.
    """

    files: int = 0
    candidates: int = 0
    functions: int = 0
    locks: int = 0
    edges: int = 0
    suppressed: int = 0
    incomplete: int = 0


class Report(msgspec.Struct, frozen=True):
    """Findings in output order, what was analysed, what went wrong, and the texts for snippets.

    ``sources`` holds at least every file that a finding or one of its steps points into.
    ``not_analysed`` are the files and functions about which nothing is concluded, and the places
    where a bound cut something off, in the order of places. ``files`` are the paths of all files
    that were found, as they are shown; ``noqa`` says that a ``noqa`` comment in them names a rule.
    ``silenced`` are the findings that comments suppress, ``known`` those that a baseline knows,
    both in output order; neither is among ``diagnostics``. ``compared`` says that there was a
    baseline. ``consulted`` are files and folders of installed packages that the results depend on
    as well. ``silent`` are the files, by the paths that open them, that mention no lock; ``loaded``
    those among them that were analysed nevertheless, and ``holders`` what such files use.
    ``unknown_names`` are those in settings that nothing in the code has, ``passed_over`` the files
    that the user named and that are not Python.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    statistics: Statistics = Statistics()
    errors: tuple[InternalError, ...] = ()
    sources: Mapping[str, SourceFile] = msgspec.field(default_factory=dict)
    not_analysed: tuple[NotAnalysed, ...] = ()
    files: tuple[str, ...] = ()
    noqa: bool = False
    compared: bool = False
    silenced: tuple[Silenced, ...] = ()
    known: tuple[Diagnostic, ...] = ()
    consulted: tuple[str, ...] = ()
    silent: frozenset[str] = frozenset()
    loaded: frozenset[str] = frozenset()
    holders: LockHolders = LockHolders({})
    unknown_names: tuple[UnknownName, ...] = ()
    passed_over: tuple[str, ...] = ()

    def only(self, choose: Callable[[Sequence[Diagnostic]], Sequence[Diagnostic]]) -> Report:
        """The report with those findings alone, shown or not, that ``choose`` leaves in a list."""
        silenced = {id(each) for each in choose([each.diagnostic for each in self.silenced])}
        return replace(
            self,
            diagnostics=tuple(choose(self.diagnostics)),
            silenced=tuple(each for each in self.silenced if id(each.diagnostic) in silenced),
            known=tuple(choose(self.known)),
        )
