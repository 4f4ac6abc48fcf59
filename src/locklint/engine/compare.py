"""Compares the findings of two runs, as ``--output-format json`` writes them."""

from __future__ import annotations

import json
import os
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from locklint.core.diagnostic import Severity
from locklint.engine.load_config import SettingsError
from locklint.engine.read import read_file
from locklint.reporting.printable import AS_JSON, harmless, without_commands

_MOST_BYTES = 512 << 20


class Location(msgspec.Struct, frozen=True):
    """A 1-based place."""

    row: int
    column: int


class Finding(msgspec.Struct, frozen=True):
    """The parts of a finding that a comparison needs."""

    code: str
    name: str
    message: str
    severity: str
    filename: str
    location: Location
    fingerprint: Annotated[str, msgspec.Meta(min_length=1)]

    @property
    def level(self) -> Severity:
        """Return the severity as a level; an unknown one is treated as an error."""
        return next((s for s in Severity if s.label == self.severity), Severity.ERROR)


class _Document(msgspec.Struct, frozen=True):
    diagnostics: tuple[Finding, ...]


@dataclass(frozen=True)
class Comparison:
    """Findings that only the new run has, that only the old one had, and that both have.

    Each is in the order of its run; findings that both have are in the order of the new one.
    """

    introduced: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    kept: tuple[Finding, ...]


def read_findings(path: str) -> tuple[Finding, ...]:
    """The findings in a file. Raise `SettingsError` for one that holds none of locklint's."""
    try:
        data = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return msgspec.json.decode(data, type=_Document).diagnostics
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path}: is not a result of `locklint check --output-format json`: {error}"
        ) from None


def compare(old: Sequence[Finding], new: Sequence[Finding]) -> Comparison:
    """Match the findings of two runs by their fingerprints.

    Of several with the same fingerprint, those whose paths end alike match first; then they are
    paired off.
    """
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for index, finding in enumerate(old):
        waiting[finding.fingerprint].append(index)
    partners: dict[int, int] = {}
    candidates = defaultdict(list)
    for index, finding in enumerate(new):
        candidates[finding.fingerprint].append(index)
    for fingerprint, indexes in candidates.items():
        others = waiting.get(fingerprint, [])
        pairs = sorted(
            (-_common_end(old[other].filename, new[index].filename), index, other)
            for index in indexes
            for other in others
        )
        taken: set[int] = set()
        for _, index, other in pairs:
            if index not in partners and other not in taken:
                partners[index] = other
                taken.add(other)
    matched = set(partners.values())
    return Comparison(
        tuple(finding for index, finding in enumerate(new) if index not in partners),
        tuple(finding for index, finding in enumerate(old) if index not in matched),
        tuple(finding for index, finding in enumerate(new) if index in partners),
    )


def _common_end(one: str, other: str) -> int:
    count = 0
    for a, b in zip(reversed(_parts(one)), reversed(_parts(other)), strict=False):
        if a != b:
            break
        count += 1
    return count


def _parts(path: str) -> list[str]:
    return path.replace("\\", "/").split("/")


def shown_path(path: str) -> str:
    """Return a path relative to the working directory if it is below it."""
    relative = os.path.relpath(path)
    shown = path if relative.startswith(os.pardir) else relative
    return shown.replace(os.sep, posixpath.sep)


def as_markdown(comparison: Comparison) -> str:
    """The comparison as a comment for a review."""
    introduced, fixed, kept = comparison.introduced, comparison.fixed, comparison.kept
    head = f"{len(introduced)} introduced, {len(fixed)} fixed, {len(kept)} kept"
    lines = [f"### locklint: {head}", ""]
    if introduced:
        lines += [*_table(introduced), ""]
    else:
        lines += ["No new findings.", ""]
    if fixed:
        lines += ["<details>", f"<summary>Fixed ({len(fixed)})</summary>", "", *_table(fixed)]
        lines += ["", "</details>", ""]
    return "\n".join(lines)


def _table(findings: Iterable[Finding]) -> list[str]:
    rows = ["| severity | rule | place | finding |", "|---|---|---|---|"]
    for each in findings:
        place = f"{shown_path(each.filename)}:{each.location.row}"
        rows.append(
            f"| {each.severity} | {each.code} {each.name} | `{_cell(place)}` |"
            f" {_cell(each.message)} |"
        )
    return rows


def _cell(text: str) -> str:
    return harmless(" ".join(text.split())).replace("|", "\\|").replace("<", "&lt;")


def as_text(comparison: Comparison) -> str:
    """The comparison for a terminal: a line each for what was introduced and what was fixed."""
    lines = []
    for sign, findings in (("+", comparison.introduced), ("-", comparison.fixed)):
        for each in findings:
            place = f"{shown_path(each.filename)}:{each.location.row}:{each.location.column}"
            lines.append(harmless(f"{sign} {place}: {each.code} {each.message}"))
    counts = (len(comparison.introduced), len(comparison.fixed), len(comparison.kept))
    lines.append("{} introduced, {} fixed, {} kept.".format(*counts))
    return "\n".join(lines) + "\n"


def as_json(comparison: Comparison) -> str:
    """The comparison as one object with three lists."""
    parts = {
        "introduced": comparison.introduced,
        "fixed": comparison.fixed,
        "kept": comparison.kept,
    }
    return without_commands(json.dumps(msgspec.to_builtins(parts), indent=2), AS_JSON) + "\n"
