"""Tests written as Markdown: headings are tests, fences are files, comments are expectations.

A section (everything between two headings) with at least one ``py`` fence is a test. A line that
holds nothing but a file name in backticks names the fence after it; a fence without a name is
``main.py``. A ``toml`` fence holds settings for its section and the sections below it, as in
``[tool.locklint]``; without one all rules are selected. Expectations stand on the line where the
finding does, several may share it::

    lock.acquire()  # error: [LCK102] "may raise" # warning: [LCK101]

``error``, ``warning`` and ``info`` demand that severity, and the text in quotation marks has to
occur in the message. No comment means clean. ``# missed: [LCK102]`` and ``# false-alarm: [LCK102]``
assert known defects: a finding that should be there and is not, and the reverse. Expectations are
taken out before the analysis sees the file, so that they are no comments of the code's.

A ``locks`` or ``ir`` fence is compared with what ``locklint debug`` prints for the file before
it, a ``summary``, ``calls`` or ``graph`` fence with what it prints for all files of the section.
They are rewritten in place where ``LOCKLINT_UPDATE=1`` is set. ``python -m tests.markdown_runner``
counts the known defects.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "mdtest"
DEFAULT_FILE = "main.py"
FILE_STAGES = ("ir", "locks")
PROGRAM_STAGES = ("summary", "calls", "graph")
STAGES = FILE_STAGES + PROGRAM_STAGES

_HEADING = re.compile(r"(#{1,6})\s+(.*\S)\s*")
_FENCE = re.compile(r"(`{3,}|~{3,})\s*([\w+-]*)\s*")
_FILE_NAME = re.compile(r"`([^`\s]+)`:?\s*")
_EXPECTATION = re.compile(
    r"#\s*(error|warning|info|missed|false-alarm):\s*\[(LCK\d{3})\]"
    r'(?:\s*("(?:[^"\\]|\\.)*"))?\s*'
)
_MALFORMED = re.compile(r"#\s*(?:error|warning|info|missed|false-alarm):")


class SuiteError(Exception):
    """A Markdown suite that is not written as it should be."""


@dataclass(frozen=True)
class Expectation:
    """What one comment says about one line; ``line`` is 1-based in its file."""

    line: int
    kind: str  # a severity's label, or `missed`, or `false-alarm`
    code: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: [{self.code}]" + (f' "{self.text}"' if self.text else "")


@dataclass(frozen=True)
class TestFile:
    """A file of a test, without its expectations; ``first_line`` is its place in the suite."""

    __test__ = False

    name: str
    text: str
    first_line: int
    expectations: tuple[Expectation, ...] = ()


@dataclass(frozen=True)
class StageFence:
    """What a stage prints; ``start`` and ``end`` bound the fence's content lines.

    ``file`` is the file before it, which is of no concern to the stages of the whole program.
    """

    stage: str
    file: str
    text: str
    start: int  # 0-based, half-open
    end: int


@dataclass(frozen=True)
class Case:
    """One test."""

    suite: Path
    title: str
    line: int
    settings: dict[str, Any] = field(default_factory=dict)
    files: tuple[TestFile, ...] = ()
    stages: tuple[StageFence, ...] = ()

    def __str__(self) -> str:
        return f"{self.suite.name}:{self.line}: {self.title}"


@dataclass(frozen=True)
class Found:
    """A finding, reduced to what expectations speak of."""

    file: str
    line: int
    severity: str
    code: str
    message: str


@dataclass(frozen=True)
class _Fence:
    language: str
    name: str | None
    lines: tuple[str, ...]
    start: int  # 0-based index of the first content line


def read_suite(path: Path) -> tuple[Case, ...]:
    """All tests of a suite, in order. Raises `SuiteError` naming the line that is wrong."""
    return parse_suite(path, path.read_text(encoding="utf-8"))


def parse_suite(path: Path, text: str) -> tuple[Case, ...]:
    """As `read_suite`, from a text; ``path`` is only for messages."""
    cases: list[Case] = []
    # The open headings: level, title, own settings.
    stack: list[tuple[int, str, dict[str, Any]]] = []
    current: Case | None = None
    for item, number in _blocks(path, text.split("\n")):
        if isinstance(item, _Fence):
            if current is None:
                raise SuiteError(f"{path.name}:{number}: a fence before the first heading")
            if item.language == "toml" and item.name is None:
                settings = tomllib.loads("\n".join(item.lines))
                stack[-1][2].update(settings)
                current = replace(current, settings={**current.settings, **settings})
            else:
                current = _with_fence(current, item, number)
            continue
        if current is not None and current.files:
            cases.append(current)
        level, title = item
        while stack and stack[-1][0] >= level:
            stack.pop()
        stack.append((level, title, {}))
        inherited: dict[str, Any] = {}
        for _, _, settings in stack:
            inherited.update(settings)
        # The first heading is the suite's own name, which the test's name has already.
        titles = [title for _, title, _ in stack[1:]] or [title]
        current = Case(path, " / ".join(titles), number, inherited)
    if current is not None and current.files:
        cases.append(current)
    _reject_twins(path, cases)
    return tuple(cases)


def _blocks(path: Path, lines: Sequence[str]) -> Iterator[tuple[_Fence | tuple[int, str], int]]:
    """Headings (level, title) and fences with their 1-based lines."""
    index = 0
    name: str | None = None
    while index < len(lines):
        line = lines[index]
        fence = _FENCE.fullmatch(line)
        if fence is not None:
            start = index + 1
            end = start
            while end < len(lines) and lines[end].rstrip() != fence.group(1):
                end += 1
            if end == len(lines):
                raise SuiteError(f"{path.name}:{index + 1}: this fence is never closed")
            yield _Fence(fence.group(2), name, tuple(lines[start:end]), start), index + 1
            name = None
            index = end + 1
            continue
        if line.startswith(("```", "~~~")):
            # A fence that is passed over would take its expectations with it.
            raise SuiteError(
                f"{path.name}:{index + 1}: a fence opens with one word at most;"
                " a file name is in backticks on the line above"
            )
        heading = _HEADING.fullmatch(line)
        if heading is not None:
            yield (len(heading.group(1)), heading.group(2)), index + 1
        file_name = _FILE_NAME.fullmatch(line)
        if file_name is not None:
            name = file_name.group(1)
        elif line.strip():
            name = None
        index += 1


def _with_fence(case: Case, fence: _Fence, number: int) -> Case:
    where = f"{case.suite.name}:{number}"
    if fence.language in STAGES:
        if not case.files:
            raise SuiteError(f"{where}: an {fence.language} fence before any file")
        stage = StageFence(
            fence.language,
            fence.name or case.files[-1].name,
            "\n".join(fence.lines),
            fence.start,
            fence.start + len(fence.lines),
        )
        return replace(case, stages=(*case.stages, stage))
    if fence.language not in ("py", "python") and fence.name is None:
        return case  # an illustration
    name = fence.name or DEFAULT_FILE
    if any(file.name == name for file in case.files):
        raise SuiteError(f"{where}: this test already has a file {name}")
    expectations: list[Expectation] = []
    lines: list[str] = []
    for index, line in enumerate(fence.lines):
        rest, found = split_expectations(line, index + 1, f"{case.suite.name}:{number + index + 1}")
        lines.append(rest)
        expectations.extend(found)
    text = "\n".join(lines) + "\n"
    file = TestFile(name, text, fence.start + 1, tuple(expectations))
    return replace(case, files=(*case.files, file))


def split_expectations(
    line: str, number: int, where: str = ""
) -> tuple[str, tuple[Expectation, ...]]:
    """The line without its expectations, and these. Raises `SuiteError` for a malformed one."""
    found: list[Expectation] = []
    rest = line
    match = _EXPECTATION.search(line)
    if match is not None:
        rest = line[: match.start()].rstrip()
        position = match.start()
        while (match := _EXPECTATION.match(line, position)) is not None:
            text = json.loads(match.group(3)) if match.group(3) else ""
            found.append(Expectation(number, match.group(1), match.group(2), text))
            position = match.end()
        if line[position:].strip():
            raise SuiteError(f"{where}: cannot read this expectation: {line[position:].strip()}")
    elif _MALFORMED.search(line):
        raise SuiteError(f"{where}: cannot read this expectation: {line.strip()}")
    return rest, tuple(found)


def _reject_twins(path: Path, cases: Sequence[Case]) -> None:
    seen: dict[str, int] = {}
    for case in cases:
        if case.title in seen:
            raise SuiteError(
                f"{path.name}:{case.line}: line {seen[case.title]} has the same heading"
            )
        seen[case.title] = case.line


def compare(case: Case, found: Sequence[Found]) -> tuple[str, ...]:
    """What is wrong with the findings of a test: one message each, in the order of lines."""
    problems: list[tuple[int, str]] = []
    rest = list(found)
    files = {file.name: file for file in case.files}
    for file in case.files:
        for expectation in file.expectations:
            at = file.first_line + expectation.line - 1
            here = [f for f in rest if (f.file, f.line) == (file.name, expectation.line)]
            same = [f for f in here if f.code == expectation.code]
            if expectation.kind == "missed":
                if same:
                    rest.remove(same[0])
                    problems.append(
                        (at, f"{expectation.code} is no longer missed: {_show(same[0])}")
                    )
                continue
            match = next((f for f in same if _meets(f, expectation)), None)
            if match is not None:
                rest.remove(match)
            elif same:
                rest.remove(same[0])
                problems.append((at, f"expected {expectation}\n      found    {_show(same[0])}"))
            elif expectation.kind == "false-alarm":
                problems.append((at, f"{expectation.code} is no longer a false alarm: unmark it"))
            else:
                problems.append((at, f"expected {expectation}\n      found    nothing of it"))
    for finding in rest:
        known = files.get(finding.file)
        at = known.first_line + finding.line - 1 if known else case.line
        inside = "" if known else f" in {finding.file}:{finding.line}"
        problems.append((at, f"unexpected {_show(finding)}{inside}"))
    source = {
        file.first_line + index: line
        for file in case.files
        for index, line in enumerate(file.text.split("\n"))
    }
    return tuple(
        f"{case.suite.name}:{line}: {problem}\n      in       {source.get(line, '').strip()}"
        for line, problem in sorted(problems)
    )


def _meets(found: Found, expectation: Expectation) -> bool:
    severity = expectation.kind in ("false-alarm", found.severity)
    return severity and expectation.text in found.message


def _show(found: Found) -> str:
    return f"{found.severity}: [{found.code}] {found.message}"


def write_files(case: Case, folder: Path) -> None:
    """Write the files of a test under a folder."""
    for file in case.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")


def run(case: Case, folder: Path) -> tuple[str, ...]:
    """Analyse the files of a test, which are in ``folder``, the current directory.

    Gives the problems, which are internal errors of the analysis alone where there are any.
    """
    from locklint.engine.load_config import decode_config
    from locklint.engine.pipeline import check
    from locklint.engine.toml_places import Origin

    settings = {"select": ["ALL"], **case.settings}
    report = check(["."], decode_config(settings, Origin(case.suite.name)))
    if report.errors:
        # Findings of a file that broke off say nothing.
        return tuple(
            f"internal error in {error.path}: {error.message}\n"
            + "\n".join(error.traceback.rstrip().split("\n")[-8:])
            for error in report.errors
        )
    found = [
        Found(
            os.path.relpath(folder / diagnostic.path, folder),
            diagnostic.span.line,
            diagnostic.severity.label,
            diagnostic.code,
            diagnostic.message,
        )
        for diagnostic in report.diagnostics
    ]
    return compare(case, found)


def stage_outputs(case: Case, folder: Path) -> tuple[tuple[StageFence, str], ...]:
    """Each stage fence of a test with what the stage prints now.

    Its files are in ``folder``, the current directory.
    """
    return tuple(
        (
            fence,
            "\n".join(line.rstrip() for line in _printed(fence, folder).split("\n")).strip("\n"),
        )
        for fence in case.stages
    )


def _printed(fence: StageFence, folder: Path) -> str:
    from locklint.engine.debug import print_program_stage, print_stage

    if fence.stage in FILE_STAGES:
        return print_stage(fence.stage, str(folder / fence.file))
    found = print_program_stage(fence.stage, ["."])
    if found.problems:
        raise SuiteError("; ".join(found.problems))
    return found.text


def update_suite(path: Path, outputs: Sequence[tuple[StageFence, str]]) -> None:
    """Write what the stages print now into the suite's fences."""
    lines = path.read_text(encoding="utf-8").split("\n")
    for fence, output in sorted(outputs, key=lambda pair: pair[0].start, reverse=True):
        lines[fence.start : fence.end] = output.split("\n")
    path.write_text("\n".join(lines), encoding="utf-8")


def suites() -> tuple[Path, ...]:
    """All suites, by name."""
    return tuple(sorted(FOLDER.glob("*.md")))


def known_defects(cases: Sequence[Case]) -> dict[str, int]:
    """How many expectations assert a known defect, by kind."""
    counts = {"missed": 0, "false-alarm": 0}
    for case in cases:
        for file in case.files:
            for expectation in file.expectations:
                if expectation.kind in counts:
                    counts[expectation.kind] += 1
    return counts


def main() -> None:
    """Print how many tests there are and how many known defects they assert."""
    cases = [case for path in suites() for case in read_suite(path)]
    counts = known_defects(cases)
    print(
        f"{len(cases)} tests in {len(suites())} suites;"
        f" known defects: {counts['missed']} missed, {counts['false-alarm']} false alarms"
    )


if __name__ == "__main__":
    main()
