"""Which rules run, and which findings are shown."""

from __future__ import annotations

from typing import Any

import pytest

from locklint.core.config import Config
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.core.source import Span
from locklint.engine.load_config import SettingsError
from locklint.engine.selection import explicit_codes, find_rules, is_shown, select_rules
from tests.cli.rules import RULES


def codes(**settings: Any) -> str:
    """The last three digits of the rules that run."""
    return " ".join(rule.code[3:] for rule in select_rules(Config(**settings), RULES))


def test_by_default_rules_above_info_run() -> None:
    assert codes() == "101 102 201 901"


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("LCK101", "101 901"),
        ("manual-acquire", "101 901"),
        ("LCK1", "101 102 901"),
        ("LCK10", "101 102 901"),
        ("LCK2", "201 210 901"),
        ("LCK", "101 102 201 210 901"),
        ("ALL", "101 102 201 210 901"),
    ],
)
def test_select(select: str, expected: str) -> None:
    assert codes(select=(select,)) == expected


def test_files_that_cannot_be_parsed_are_left_out_only_when_ignored() -> None:
    assert codes(select=("LCK101",), ignore=("LCK9",)) == "101"
    assert codes(ignore=("syntax-error",)) == "101 102 201"


def test_extend_select_adds_to_the_defaults_and_to_a_selection() -> None:
    assert codes(extend_select=("LCK210",)) == "101 102 201 210 901"
    assert codes(select=("LCK101",), extend_select=("LCK210",)) == "101 210 901"


def test_ignore() -> None:
    assert codes(ignore=("LCK1",), extend_ignore=("acquire-result-ignored",)) == "901"
    assert codes(ignore=("ALL",)) == ""


def test_the_more_exact_selector_wins_and_ignore_at_a_tie() -> None:
    assert codes(select=("LCK101",), ignore=("LCK1",)) == "101 901"
    assert codes(select=("LCK1",), ignore=("LCK101",)) == "102 901"
    assert codes(select=("LCK1",), ignore=("ALL",)) == "101 102"
    assert codes(select=("LCK1",), ignore=("LCK1",)) == "901"
    assert codes(select=("manual-acquire",), ignore=("LCK101",)) == "901"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("LCK103", "did you mean `LCK10"),
        ("lck101", "did you mean `LCK101`?"),
        ("manual-aquire", "did you mean `manual-acquire`?"),
        ("all", "did you mean `ALL`?"),
        ("LCK3", "there is no rule `LCK3`"),
        ("E501", "there is no rule `E501`"),
    ],
)
@pytest.mark.parametrize("option", ["select", "ignore", "extend_select", "extend_ignore"])
def test_unknown_selectors_are_errors_with_a_suggestion(option: str, word: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        codes(**{option: (word,)})
    assert hint in str(caught.value)


def test_find_rules() -> None:
    assert [rule.code for rule in find_rules("LCK2", RULES)] == ["LCK201", "LCK210"]
    assert find_rules("LCK7", RULES) == ()


def shown(severity: Severity, **settings: Any) -> bool:
    config = Config(**settings)
    place = Span(1, 1, 1, 2)
    found = Diagnostic("LCK101", "manual-acquire", severity, Confidence.HIGH, "a.py", place, "m")
    return is_shown(found, config, explicit_codes(config, RULES))


@pytest.mark.parametrize("selector", ["LCK101", "manual-acquire", "LCK1", "ALL"])
def test_findings_of_severity_info_are_shown_where_their_rule_was_asked_for(selector: str) -> None:
    assert shown(Severity.INFO, select=(selector,))
    assert shown(Severity.INFO, extend_select=(selector,))
    assert not shown(Severity.INFO)
    assert not shown(Severity.INFO, select=("LCK102",))


def test_min_severity() -> None:
    assert shown(Severity.WARNING)
    assert shown(Severity.WARNING, min_severity=Severity.WARNING)
    assert not shown(Severity.WARNING, min_severity=Severity.ERROR)
    assert not shown(Severity.INFO, min_severity=Severity.WARNING, select=("LCK101",))
