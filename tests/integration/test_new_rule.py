"""The command that lays the files of a rule, run in a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAKEN = [
    ("LCK102", "some-new-name", "unreleased_on_exception.py has that code or name"),
    ("LCK199", "gap-before-try", "gap_before_try.py has that code or name"),
    ("lck199", "some-new-name", "is no code"),
    ("LCK19", "some-new-name", "is no code"),
    ("LCK199", "some_new_name", "is no name"),
    ("LCK199", "Some-new-name", "is no name"),
]
COMPILED = shutil.ignore_patterns("__pycache__", "*.pyc")
FILES = (
    *("README.md", "CHANGELOG.md", "pyproject.toml", "scripts/new_rule.py", "tests/__init__.py"),
    *("tests/conftest.py", "tests/markdown_runner.py", "tests/test_markdown.py"),
    *("tests/rules/__init__.py", "tests/rules/test_pages.py"),
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the command reads and changes."""
    rules = Path("src", "locklint", "rules")
    shutil.copytree(ROOT / rules, tmp_path / rules, ignore=COMPILED)
    for name in FILES:
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    suites = tmp_path / "tests" / "mdtest"
    suites.mkdir()
    for path in (ROOT / "tests" / "mdtest").glob("*.md"):
        (suites / path.name).touch()  # The names count, and what is in them is tested elsewhere.
    return tmp_path


@pytest.fixture
def whole(copy: Path) -> Path:
    """The copy, with all that runs the suites."""
    shutil.copytree(ROOT / "src", copy / "src", ignore=COMPILED, dirs_exist_ok=True)
    return copy


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with the copy's locklint."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def texts(copy: Path) -> dict[Path, bytes]:
    """Return the bytes of each file that the command could change."""
    places = [copy / "src", copy / "tests" / "mdtest", copy / "README.md", copy / "CHANGELOG.md"]
    files = [path for place in places for path in (place, *place.rglob("*")) if path.is_file()]
    return {path: path.read_bytes() for path in files if path.suffix != ".pyc"}


@pytest.mark.parametrize(("code", "name"), [("LCK199", "a-new-rule"), ("LCK999", "zero-locks")])
def test_the_files_pass_the_tools_and_the_suite_runs(code: str, name: str, whole: Path) -> None:
    before = texts(whole)
    result = run(whole, "scripts/new_rule.py", code, name)
    assert (result.returncode, result.stderr) == (0, "")
    rule = whole / "src/locklint/rules" / f"{name.replace('-', '_')}.py"
    suite = whole / f"tests/mdtest/{code}.md"
    changed = {path for path, text in texts(whole).items() if before.get(path) != text}
    registry = rule.with_name("__init__.py")
    assert changed == {rule, suite, registry, whole / "README.md", whole / "CHANGELOG.md"}
    for check in ("check", "format --check"):
        result = run(whole, "-m", "ruff", *check.split(), str(rule), str(registry))
        assert result.returncode == 0, result.stdout
    listed = "from locklint.rules import ALL_RULES; print(*(rule.code for rule in ALL_RULES))"
    codes = run(whole, "-c", listed).stdout.split()
    assert code in codes
    assert codes == sorted(set(codes))

    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_markdown.py"]
    result = run(whole, *tests, "-k", code)
    assert "1 failed, 1 passed" in result.stdout  # The rule does not report anything yet.
    lines = "for f in program.functions.values():\n        yield RULE.finding(f, f.span, '')"
    rule.write_text(rule.read_text("utf-8").replace("yield from ()", lines), "utf-8")
    selected = f"(findings and {code}) or registry"
    result = run(whole, *tests, "tests/rules/test_pages.py", "-k", selected)
    assert "2 failed, 1 passed" in result.stdout
    assert f"unexpected warning: [{code}]" in result.stdout


@pytest.mark.parametrize(("code", "name", "reason"), TAKEN)
def test_what_exists_or_is_malformed_is_refused(
    code: str, name: str, reason: str, copy: Path
) -> None:
    before = texts(copy)
    result = run(copy, "scripts/new_rule.py", code, name)
    assert result.returncode == 2
    assert reason in result.stderr
    assert texts(copy) == before


@pytest.mark.parametrize("path", ["src/locklint/rules/a_new_rule.py", "tests/mdtest/LCK199.md"])
def test_nothing_is_overwritten(path: str, copy: Path) -> None:
    (copy / path).write_text("")
    before = texts(copy)
    result = run(copy, "scripts/new_rule.py", "LCK199", "a-new-rule")
    assert (result.returncode, result.stderr) == (2, f"nothing was written: {path} exists\n")
    assert texts(copy) == before


def test_a_changelog_without_additions_gets_a_section(copy: Path) -> None:
    changelog = copy / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n- All.\n")
    assert run(copy, "scripts/new_rule.py", "LCK199", "a-new-rule").returncode == 0
    assert changelog.read_text("utf-8") == (
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- LCK199 a-new-rule, a preview: …\n\n"
        "## [0.1.0] - 2026-01-01\n\n- All.\n"
    )
