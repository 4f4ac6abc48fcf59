"""Runs the Markdown suites, and tests the runner itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import markdown_runner
from tests.markdown_runner import Case, Expectation, Found, SuiteError

CASES = [case for path in markdown_runner.suites() for case in markdown_runner.read_suite(path)]
WITH_STAGES = [case for case in CASES if case.stages]


def _name(case: Case) -> str:
    return f"{case.suite.stem}::{case.title}"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory; its own name is not that of a test."""
    path = tmp_path_factory.mktemp("project")
    monkeypatch.chdir(path)
    return path


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_findings(case: Case, folder: Path) -> None:
    markdown_runner.write_files(case, folder)
    problems = markdown_runner.run(case, folder)
    if problems:
        pytest.fail(f"{case}\n  " + "\n  ".join(problems), pytrace=False)


@pytest.mark.parametrize("case", WITH_STAGES, ids=_name)
def test_stages(case: Case, folder: Path) -> None:
    markdown_runner.write_files(case, folder)
    outputs = markdown_runner.stage_outputs(case, folder)
    if os.environ.get("LOCKLINT_UPDATE") == "1":
        # Line numbers move while fences are rewritten, so each case is read anew.
        fresh = next(
            other for other in markdown_runner.read_suite(case.suite) if other.title == case.title
        )
        markdown_runner.update_suite(
            case.suite,
            [(fence, output) for fence, (_, output) in zip(fresh.stages, outputs, strict=True)],
        )
        return
    for fence, output in outputs:
        assert output == fence.text.strip("\n")


SUITE = Path("suite.md")

EXAMPLE = """# Suite

```toml
select = ["LCK102"]
```

## One file

```py
lock.acquire()  # error: [LCK102] "a \\"b\\"" # warning: [LCK101]
```

## Two files

Some text.

```toml
ignore = ["LCK101"]
```

`package/a.py`

```py
x = 1  # a comment
```

`b.py`:
```py
y = 2
# error: no expectation
```
"""


def test_a_suite_is_read() -> None:
    text = EXAMPLE.replace("# error: no expectation\n", "")
    one, two = markdown_runner.parse_suite(SUITE, text)
    assert (one.title, one.line, one.settings) == ("One file", 7, {"select": ["LCK102"]})
    (main,) = one.files
    assert (main.name, main.text, main.first_line) == ("main.py", "lock.acquire()\n", 10)
    assert main.expectations == (
        Expectation(1, "error", "LCK102", 'a "b"'),
        Expectation(1, "warning", "LCK101"),
    )
    assert two.settings == {"select": ["LCK102"], "ignore": ["LCK101"]}
    assert [(file.name, file.text) for file in two.files] == [
        ("package/a.py", "x = 1  # a comment\n"),
        ("b.py", "y = 2\n"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EXAMPLE, "cannot read this expectation"),
        ("# A\n```py\nx = 1  # error: [LCK102] oops\n```\n", "cannot read this expectation: oops"),
        ("# A\n```py\nx = 1\n", "never closed"),
        ("# A\n```py path=a.py\nx = 1\n```\n", "one word at most"),
        ("```py\nx = 1\n```\n", "before the first heading"),
        ("# A\n```py\n```\n```py\n```\n", "already has a file main.py"),
        ("# A\n```locks\n```\n", "before any file"),
        ("# A\n## B\n```py\n```\n## B\n```py\n```\n", "line 2 has the same heading"),
    ],
)
def test_what_is_written_wrongly_is_refused(text: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        markdown_runner.parse_suite(SUITE, text)


def _compare(code: str, *found: Found) -> tuple[str, ...]:
    (case,) = markdown_runner.parse_suite(SUITE, f"# A\n```py\n{code}\n```\n")
    return markdown_runner.compare(case, found)


def _found(line: int = 1, code: str = "LCK102", severity: str = "error", text: str = "m") -> Found:
    return Found("main.py", line, severity, code, text)


def test_findings_that_meet_expectations_are_no_problem() -> None:
    assert _compare("x = 1") == ()
    assert _compare('x  # error: [LCK102] "m"', _found()) == ()
    assert _compare("x  # false-alarm: [LCK102]", _found(severity="info")) == ()
    assert _compare("x  # missed: [LCK102]") == ()
    assert (
        _compare("x  # error: [LCK102] # error: [LCK102]", _found(text="a"), _found(text="b")) == ()
    )


@pytest.mark.parametrize(
    ("code", "found", "message"),
    [
        ("x", [_found()], "suite.md:3: unexpected error: [LCK102] m"),
        ("x  # error: [LCK102]", [], "found    nothing of it"),
        ("x  # error: [LCK102]", [_found(severity="warning")], "found    warning: [LCK102] m"),
        ('x  # error: [LCK102] "n"', [_found()], 'expected error: [LCK102] "n"'),
        ("x  # error: [LCK102]", [_found(), _found()], "unexpected error"),
        ("x  # missed: [LCK102]", [_found()], "no longer missed"),
        ("x  # false-alarm: [LCK102]", [], "no longer a false alarm"),
        ("x", [Found("other.py", 7, "error", "LCK102", "m")], "in other.py:7"),
    ],
)
def test_every_difference_is_a_problem(code: str, found: list[Found], message: str) -> None:
    (problem,) = _compare(code, *found)
    assert message in problem


def test_fences_are_rewritten_in_place(tmp_path: Path) -> None:
    path = tmp_path / "suite.md"
    path.write_text("# A\n```py\nx\n```\n\n```locks\nold\n```\n\n```ir\n```\nend\n")
    (case,) = markdown_runner.read_suite(path)
    first, second = case.stages
    markdown_runner.update_suite(path, [(first, "new\nlines"), (second, "ir")])
    assert path.read_text() == (
        "# A\n```py\nx\n```\n\n```locks\nnew\nlines\n```\n\n```ir\nir\n```\nend\n"
    )


def test_known_defects_are_counted() -> None:
    (case,) = markdown_runner.parse_suite(
        SUITE, "# A\n```py\nx  # missed: [LCK102] # missed: [LCK103]\ny  # error: [LCK101]\n```\n"
    )
    assert markdown_runner.known_defects([case]) == {"missed": 2, "false-alarm": 0}
