"""Numbers of findings by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locklint.reporting.style import Line, paint
from locklint.reporting.summary import closing_lines

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results


@dataclass(frozen=True)
class RuleCount:
    """A rule with its number of findings, and the label of the gravest of them."""

    code: str
    name: str
    count: int
    severity: str


def counts_by_rule(diagnostics: Sequence[Diagnostic]) -> tuple[RuleCount, ...]:
    """The rules that have findings, most findings first, then by code."""
    counts = Counter((each.code, each.name) for each in diagnostics)
    gravest = {
        code: max(each.severity for each in diagnostics if each.code == code) for code, _ in counts
    }
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        RuleCount(code, name, count, gravest[code].label) for (code, name), count in ordered
    )


def render(results: Results, options: RenderOptions) -> str:
    """Return a table of counts, codes and names, then the closing lines."""
    rows = counts_by_rule(results.diagnostics)
    digits = max((len(str(row.count)) for row in rows), default=0)
    lines: list[Line] = []
    for row in rows:
        count = f"{row.count:>{digits}}  "
        lines.append([(count, "strong"), (row.code, row.severity), (f"  {row.name}", "")])
    if rows and options.closing:
        lines.append([])
    if options.closing:
        lines.extend([(line, "")] for line in closing_lines(results, verbose=options.verbose))
    return paint(lines, options.color)
