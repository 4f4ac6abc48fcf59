"""The decisions have one format, and their index is made from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.samples import ROOT
from tests.docs.test_site import compare

FOLDER = ROOT / "docs" / "adr"
PATHS = sorted(FOLDER.glob("0*.md"))
ORDER = ("Context", "Decision", "Why", "Consequences", "Set aside")

_LINK = r"\[ADR \d+\]\(\d{4}-[a-z0-9-]+\.md\)"
_LINKS = rf"{_LINK}(?:, {_LINK})*"
_ACCEPTED = rf"Accepted\.(?: Supersedes {_LINKS}\.)?(?: Amends {_LINKS}\.)?"
_PAGE = re.compile(
    r"# (?P<number>\d+)\. (?P<title>[^\n]+)\n\n"
    rf"Status: (?P<status>{_ACCEPTED}|Superseded by {_LINK}\.)\n"
    r"(?P<body>\n## .*)?",
    re.DOTALL,
)
_CLAUSE = re.compile(rf"(Superseded by|Supersedes|Amends) ({_LINKS})")
_BACK = {"Amends": "Amended by", "Supersedes": "Superseded by", "Superseded by": "Supersedes"}
_NAMED = re.compile(r"\[ADR (\d+)\]\(([^)#]+)")


class Decision(NamedTuple):
    """A page: ``relations`` are its links to others, by the words of its status line."""

    path: Path
    number: int
    title: str
    is_accepted: bool
    relations: dict[str, list[int]]
    body: str


def read(path: Path) -> Decision:
    """Return the decision of a page; an AssertionError says that it has another format."""
    match = _PAGE.fullmatch(path.read_text(encoding="utf-8"))
    assert match, f"{path.name} does not begin with a title and a status as CONTRIBUTING describes"
    relations = {
        word: [int(number) for number, _ in _NAMED.findall(links)]
        for word, links in _CLAUSE.findall(match["status"])
    }
    is_accepted = match["status"].startswith("Accepted")
    body = match["body"] or ""
    return Decision(path, int(match["number"]), match["title"], is_accepted, relations, body)


def index(decisions: list[Decision]) -> str:
    """Return the page that lists decisions, with what changes what in both directions."""
    relations = {decision.number: dict(decision.relations) for decision in decisions}
    for decision in decisions:
        for word, numbers in decision.relations.items():
            for number in numbers:
                others = relations[number].setdefault(_BACK[word], [])
                if decision.number not in others:
                    others.append(decision.number)
    names = {decision.number: decision.path.name for decision in decisions}
    rows = []
    for decision in decisions:
        clauses = [
            f"{word} " + ", ".join(f"[{n}]({names[n]})" for n in sorted(numbers))
            for word, numbers in sorted(relations[decision.number].items())
        ]
        status = ". ".join([*(["Accepted"] if decision.is_accepted else []), *clauses])
        link = f"[{decision.number}]({decision.path.name})"
        rows.append(f"| {link} | {decision.title} | {status} |\n")
    return (
        "# Decisions\n\n"
        "Each page is a decision that was hard to make, with its reasons and its price. They are\n"
        "for those who change locklint; nobody needs them to use it.\n\n"
        "| number | decision | status |\n|---|---|---|\n"
        + "".join(rows)
        + "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem[:4])
def test_a_page_has_the_format_of_all(path: Path) -> None:
    decision = read(path)
    assert path.name.startswith(f"{decision.number:04}-")
    headings = re.findall(r"^## (.+)$", decision.body, re.MULTILINE)
    assert (headings.count("Decision") == 1) is decision.is_accepted
    assert bool(decision.body) is decision.is_accepted
    standard = [heading for heading in headings if heading in ORDER]
    assert standard == [heading for heading in ORDER if heading in headings]
    assert not re.search(r"^\*\*(Decision|Why|Consequences|Price|Set aside)\.", decision.body, re.M)


def test_numbers_are_given_once() -> None:
    numbers = [read(path).number for path in PATHS]
    assert len(set(numbers)) == len(numbers)


def test_links_lead_to_the_decision_that_they_name_and_to_none_that_is_superseded() -> None:
    decisions = {decision.number: decision for decision in map(read, PATHS)}
    pages = [*(ROOT / "docs").glob("*.md"), *FOLDER.glob("0*.md"), ROOT / "CONTRIBUTING.md"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for number, target in _NAMED.findall(re.sub(r"^Status: .*", "", text, flags=re.MULTILINE)):
            decision = decisions[int(number)]
            assert Path(target).name == decision.path.name, (page.name, number)
            assert decision.is_accepted, f"{page.name} links to ADR {number}, which is superseded"


def test_superseding_is_said_on_both_pages() -> None:
    decisions = [read(path) for path in PATHS]
    pairs = {
        word: {(d.number, other) for d in decisions for other in d.relations.get(word, [])}
        for word in _BACK
    }
    assert pairs["Supersedes"] == {(new, old) for old, new in pairs["Superseded by"]}
    assert all(new > old for new, old in pairs["Amends"])


def test_the_generated_index_lists_all_decisions() -> None:
    compare(FOLDER / "index.md", index([read(path) for path in PATHS]))


@pytest.mark.parametrize(
    "text",
    [
        "# 1. One\n\n## Decision\n\nYes.\n",
        "# 1. One\n\nStatus: Perhaps.\n\n## Decision\n\nYes.\n",
        "# 1. One\n\nStatus: Accepted. Amends ADR 3.\n\n## Decision\n\nYes.\n",
        "# One\n\nStatus: Accepted.\n\n## Decision\n\nYes.\n",
    ],
)
def test_another_format_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "0001-one.md"
    path.write_text(text)
    with pytest.raises(AssertionError):
        read(path)
