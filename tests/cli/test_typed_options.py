"""Options are defined once: what click parses is what the request of a run holds."""

from __future__ import annotations

import click
import msgspec
import pytest

from locklint.cli.check_options import (
    CHECK_OPTIONS,
    CONFIDENCES,
    PROFILES,
    SEVERITIES,
    check_options,
)
from locklint.cli.request import Request
from locklint.core.config import Config
from locklint.core.diagnostic import Confidence, Severity
from locklint.engine.settings_table import json_schema

NO_OPTIONS = {
    "blocking_calls",
    "docs_url",
    "extend",
    "immediate_callers",
    "lock_order",
    "lock_types",
    "source_roots",
}


def test_a_request_without_options_holds_what_click_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = click.Command("check")
    check_options(command)
    for parameter in command.params:
        if isinstance(parameter.envvar, str):
            monkeypatch.delenv(parameter.envvar, raising=False)
    values = command.make_context("check", []).params
    assert values.keys() == {each.name for each in CHECK_OPTIONS}
    for name, value in values.items():
        assert getattr(Request(()), name) == value, name
        assert getattr(Request((), **values), name) == value, name


def test_an_option_with_the_name_of_a_setting_decides_it() -> None:
    settings = {each.name for each in msgspec.structs.fields(Config)}
    options = {each.name for each in CHECK_OPTIONS}
    assert settings - options == NO_OPTIONS
    for name in settings & options:
        assert getattr(Request(()), name) is None, name


def test_an_option_takes_the_values_of_its_setting() -> None:
    assert list(SEVERITIES) == [each.label for each in Severity]
    assert list(CONFIDENCES) == [each.label for each in Confidence]
    assert list(PROFILES) == json_schema()["properties"]["profile"]["enum"]


def test_a_request_cannot_be_changed_and_knows_its_options() -> None:
    request = Request(("a",), jobs=2)
    assert request.with_paths(("b",)).paths == ("b",)
    assert request.with_paths(("b",)).jobs == 2
    with pytest.raises(AttributeError, match="jobs cannot be changed"):
        request.jobs = 3
    with pytest.raises(TypeError, match=r"no option job$"):
        Request((), job=3)
