"""The documentation: its generated pages are fresh, it builds, and its recipes are valid."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from locklint.cli.rule import page
from locklint.reporting import FORMATS
from locklint.rule import Rule
from locklint.rules import ALL_RULES

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "rules"

FENCE = re.compile(r"^```(?P<language>[a-z]+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def compare(path: Path, text: str) -> None:
    """Compare a generated page with its file, or write it with ``LOCKLINT_UPDATE=1``."""
    if os.environ.get("LOCKLINT_UPDATE") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.is_file(), f"{path} is missing: run scripts/docs.py"
    assert path.read_text(encoding="utf-8") == text, f"{path} is stale: run scripts/docs.py"


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_generated_pages_are_those_of_the_rules(rule: Rule) -> None:
    compare(RULES / f"{rule.code}.md", page(rule))


def test_the_generated_index_lists_all_rules() -> None:
    rows = [
        f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity.label} | {rule.summary} |"
        for rule in sorted(ALL_RULES, key=lambda rule: rule.code)
    ]
    codes = [rule.code for rule in sorted(ALL_RULES, key=lambda rule: rule.code)]
    text = [
        "# Rules",
        "",
        "`locklint rule CODE` prints the same pages. The severity is the highest that a rule gives;"
        " rules of severity info run only if they are selected.",
        "",
        "| code | name | severity | what it finds |",
        "|---|---|---|---|",
        *rows,
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *codes,
        "```",
    ]
    compare(RULES / "index.md", "".join(f"{line}\n" for line in text))


def test_no_generated_page_is_left_of_a_rule_that_is_gone() -> None:
    found = {path.stem for path in RULES.glob("*.md")}
    assert found == {"index", *(rule.code for rule in ALL_RULES)}


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "html")]
    command += ["-D", "html_theme=basic"]  # Three times as fast; warnings come from what is read.
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    index = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    article = index.partition('<div class="body"')[2].partition('<div class="sphinxsidebar"')[0]
    for name in (
        "tutorial",
        "severity",
        "lock-names",
        "false-positives",
        "examples",
        "rules/index",
    ):
        assert f'href="{name}.html"' in article
    # Decisions are for those who change locklint; one link leads to them.
    assert re.findall(r'href="(adr/[^"]*)"', article) == ["adr/index.html"]


def test_each_output_format_has_a_page() -> None:
    found = {path.stem for path in (ROOT / "docs" / "formats").glob("*.md")}
    assert found == set(FORMATS)
    overview = (ROOT / "docs" / "output-formats.md").read_text(encoding="utf-8")
    assert all(f"(formats/{name}.md)" in overview for name in FORMATS)


def recipes(page: str, mark: str) -> list[str]:
    """The fenced blocks of a page of the documentation that begin with a comment."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [
        match["text"] for match in FENCE.finditer(text) if match["text"].startswith(f"# {mark}\n")
    ]


@pytest.mark.parametrize("kind", ["github-workflows", "gitlab-ci", "azure-pipelines"])
def test_recipes_are_what_the_services_accept(kind: str, tmp_path: Path) -> None:
    found = recipes("ci.md", kind)
    assert found
    paths = [tmp_path / f"{number}.yml" for number in range(len(found))]
    for path, text in zip(paths, found, strict=True):
        path.write_text(text, encoding="utf-8")
    check_schema(f"vendor.{kind}", *paths)


def test_the_action_is_what_github_accepts() -> None:
    check_schema("vendor.github-actions", ROOT / "action.yml")


def check_schema(schema: str, *paths: Path) -> None:
    """Hold files against one of the schemas that check-jsonschema ships."""
    from check_jsonschema import main as check_jsonschema

    # Most of the time of a process of its own would go into imports.
    result = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, *map(str, paths)])
    assert result.exit_code == 0, result.output


def test_other_recipes_can_be_read() -> None:
    assert tomllib.loads(recipes("ci.md", "tox.toml")[0])["env"]["locks"]["deps"] == ["locklint"]
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    python = [match["text"] for match in FENCE.finditer(text) if match["language"] == "python"]
    assert len(python) == 1
    compile(python[0], "noxfile.py", "exec")
