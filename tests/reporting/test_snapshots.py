"""Each format of one list of findings, as it was when somebody last looked at it.

``LOCKLINT_UPDATE=1`` rewrites the files in ``snapshots``; read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from locklint import __version__
from locklint.reporting import FORMATS, render
from locklint.reporting.options import RenderOptions
from locklint.rule import Rule
from locklint.rules import ALL_RULES
from tests.reporting.canned import CYCLE_FILES, Canned, cycle, every_kind

SNAPSHOTS = Path(__file__).parent / "snapshots"

ROOT = "/checkout/app"
RULES: tuple[Rule, ...] = tuple(rule for rule in ALL_RULES if rule.code == "LCK901")


def compare(name: str, text: str) -> None:
    """Compare a text with the file of that name, or write it."""
    path = SNAPSHOTS / name
    if os.environ.get("LOCKLINT_UPDATE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.skipif(os.sep != "/", reason="the snapshots hold POSIX paths")
@pytest.mark.parametrize("output_format", FORMATS)
def test_each_format(output_format: str) -> None:
    options = RenderOptions(root=ROOT, base="/checkout", rules=RULES)
    text = render(output_format, every_kind(), options)
    compare(f"{output_format}.txt", text.replace(__version__, "VERSION"))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_lanes_of_a_deadlock(width: int, encoding: str) -> None:
    text = Canned(CYCLE_FILES).text(cycle(), width=width, encoding=encoding)
    compare(f"lanes-{width}-{encoding}.txt", text)


def test_the_lanes_in_colour() -> None:
    compare("lanes-120-colour.txt", Canned(CYCLE_FILES).text(cycle(), width=120, color=True))
