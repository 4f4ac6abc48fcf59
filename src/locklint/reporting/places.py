"""Places as other programs need them: file names, addresses, lines and columns."""

from __future__ import annotations

import os.path
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from locklint.core.source import Span

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import Position
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

# Programs that know nothing of cells are pointed to the beginning of a notebook: its lines as a
# file are those of its JSON, and any other place would be wrong.
_BEGINNING = Span(1, 1, 1, 1)


def absolute(path: str, options: RenderOptions) -> str:
    """The absolute form of a path of a finding."""
    return os.path.normpath(os.path.join(options.root, path))


def relative(path: str, options: RenderOptions) -> str:
    """Return the path with ``/``, relative to the base if it is below it; else absolute."""
    full = absolute(path, options)
    base = options.base or options.root
    if os.path.isabs(base) and os.path.isabs(full):
        try:
            full = os.path.relpath(full, base) if _is_below(full, base) else full
        except ValueError:  # On another drive.
            return PurePath(full).as_posix()
    return PurePath(full).as_posix()


def relative_uri(path: str, options: RenderOptions) -> str:
    """The percent-encoded `relative` path; an absolute ``file:`` address if it is outside."""
    text = relative(path, options)
    if os.path.isabs(text):
        return folder_uri(text).removesuffix("/")
    return _encoded(text)


def page_link(path: str, options: RenderOptions) -> str:
    """Return where a page links to for a path: relative to the page's folder if that is known."""
    full = absolute(path, options)
    folder = options.page_folder or options.root
    try:
        near = os.path.relpath(full, folder) if folder else path
    except ValueError:  # On another drive.
        return folder_uri(full).removesuffix("/")
    return _encoded(PurePath(near).as_posix())


def folder_uri(folder: str) -> str:
    """The ``file:`` address of an absolute folder, with a slash at its end."""
    text = PurePath(folder).as_posix().strip("/")
    return f"file:///{_encoded(text)}/" if text else "file:///"


def position(path: str, span: Span, results: Results) -> Position:
    """Return the beginning of a span, as users see it."""
    from locklint.core.source import Position

    source = results.sources.get(path)
    if source is None:
        return Position(0, span.line, span.column)
    return source.position(span.line, span.column)


def file_span(path: str, span: Span, results: Results) -> Span:
    """The span for programs that know lines of files only, at least one character long."""
    source = results.sources.get(path)
    if source is not None and source.cells:
        span = _BEGINNING
    if (span.end_line, span.end_column) <= (span.line, span.column):
        return Span(span.line, span.column, span.line, span.column + 1)
    return span


def cell_note(diagnostic: Diagnostic, results: Results) -> str:
    """Return, for example, `` (cell 3, line 2)`` for a finding in a notebook, else nothing."""
    place = position(diagnostic.path, diagnostic.span, results)
    return f" (cell {place.cell}, line {place.row})" if place.cell else ""


def worst_first(results: Results) -> list[Diagnostic]:
    """The findings with the gravest and surest in front, by place among equals."""
    return sorted(results.diagnostics, key=lambda each: (-each.severity, -each.confidence))


def _is_below(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == os.path.normpath(folder)


def _encoded(text: str) -> str:
    # Bytes that are no UTF-8 arrive as lone surrogates or as backslash escapes.
    return quote(text.encode("utf-8", "surrogateescape"), safe="/~")
