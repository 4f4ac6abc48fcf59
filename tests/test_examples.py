"""The examples do what their texts say: they end, and their faults are found, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from locklint.cli import main
from locklint.rules import ALL_RULES

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| \[(?P<name>\w+\.py)\]\((?P=name)\) \|.*\| (?P<rules>[^|]*) \|$", re.M)
LISTED = {row["name"]: set(re.findall(r"LCK\d{3}", row["rules"])) for row in _ROW.finditer(README)}


def test_the_readme_lists_every_program() -> None:
    assert sorted(LISTED) == PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_runs_and_ends(name: str) -> None:
    command = [sys.executable, str(EXAMPLES / name)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_fault_is_found_and_the_cure_is_clean(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "--isolated", "--output-format", "json"]
    on_request = [rule.code for rule in ALL_RULES if rule.on_request and rule.code in LISTED[name]]
    if on_request:
        words.append(f"--extend-select={','.join(on_request)}")
    main([*words, str(EXAMPLES / name)])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    places = {(finding["code"], _function(name, finding["location"]["row"])) for finding in found}
    assert {code for code, _ in places} >= LISTED[name]
    assert [place for place in places if not place[1].startswith("faulty")] == []


def _function(name: str, row: int) -> str:
    """The function in whose text a line stands."""
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()[:row]
    starts = [match[1] for line in lines if (match := re.match(r" *(?:async )?def (\w+)", line))]
    return starts[-1] if starts else ""
