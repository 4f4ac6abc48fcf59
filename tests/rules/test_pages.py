"""Each rule's page is complete, and its code says what it claims to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.pipeline import check
from locklint.rule import Rule
from locklint.rules import ALL_RULES

HEADINGS = (
    "What it does",
    "Why is this bad?",
    "Example",
    "Use instead",
    "Known limits",
    "References",
)
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROOT = Path(__file__).parents[2]


def section(rule: Rule, heading: str) -> str:
    """The text below one heading of a rule's page."""
    _, _, rest = rule.page.partition(f"## {heading}\n")
    return rest.partition("\n## ")[0]


def codes(tmp_path: Path, code: str) -> list[str]:
    """The codes that are reported for one file."""
    file = tmp_path / "example.py"
    file.write_text(code)
    report = check([str(file)], Config(select=("ALL",), preview=True))
    assert not report.errors
    return [diagnostic.code for diagnostic in report.diagnostics]


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_a_page_has_all_its_headings_in_order(rule: Rule) -> None:
    assert re.findall(r"^## (.*)$", rule.page, re.MULTILINE) == list(HEADINGS)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_the_example_is_reported_and_the_cure_is_not(rule: Rule, tmp_path: Path) -> None:
    examples = FENCE.findall(section(rule, "Example"))
    cures = FENCE.findall(section(rule, "Use instead"))
    if rule.code == "LCK901":
        assert not examples
        return
    assert len(examples) == 1
    assert len(cures) == 1
    assert rule.code in codes(tmp_path, examples[0])
    allowed = {"LCK101"} if rule.code in ("LCK211", "LCK201") else set()
    assert set(codes(tmp_path, cures[0])) <= allowed


def test_registry_tests_readme_and_changelog_name_the_same_rules() -> None:
    registered = {rule.code for rule in ALL_RULES}
    assert len(registered) == len(ALL_RULES)
    suites = {path.stem for path in (ROOT / "tests/mdtest").glob("LCK*.md")}
    assert suites == registered
    for name in ("README.md", "CHANGELOG.md"):
        named = set(re.findall(r"LCK\d{3}", (ROOT / name).read_text()))
        assert named == registered, name
    table = (ROOT / "README.md").read_text()
    for rule in ALL_RULES:
        mark = " (preview)" if rule.preview else " (on request)" if rule.on_request else ""
        shown = f"{rule.name}{mark}"
        assert f"| {rule.code} | {shown} |" in table
