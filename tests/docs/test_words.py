"""Texts for users are in plain English: none contains the words that ``words.toml`` lists."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from locklint.cli import command as locklint
from locklint.rules import ALL_RULES
from tests.docs.samples import PAGES, ROOT

TABLE = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
WORDS = {
    re.compile(word if kind == "case" else rf"(?<!\w)(?i:{word})"): preferred
    for kind, words in TABLE.items()
    for word, preferred in words.items()
}
MODULES = [
    *sorted((ROOT / "src" / "locklint").rglob("*.py")),
    *sorted((ROOT / "examples").glob("*.py")),
]
OTHERS = [
    ROOT / name
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "action.yml", ".pre-commit-hooks.yaml")
]

_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"\]\([^)\s]*\)")
_WRAP = re.compile(r" *\n(?![\n#|*-]) *")


def banned(text: str) -> list[str]:
    """Return each banned word of a text, with the text around it and the words to use instead."""
    return [
        f"…{line[max(0, match.start() - 30) : match.end() + 30]}…: write {preferred}"
        for line in _WRAP.sub(" ", text).splitlines()
        for word, preferred in WORDS.items()
        for match in word.finditer(line)
    ]


def prose(page: str) -> str:
    """Return a page without code, output and addresses."""
    return _ADDRESS.sub("]", _FENCE.sub("", page))


def strings(module: Path) -> Iterator[str]:
    """Yield the strings of a module that are texts: those with a space, but no docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
            parts = [v.value if isinstance(v, ast.Constant) else "x" for v in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped and " " in node.value:
                yield node.value


def helps(
    command: click.Command, name: str = "locklint", parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the names of a command and of all its commands, with their help."""
    context = click.Context(command, parent, name, **command.context_settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for each, inner in command.commands.items():
            yield from helps(inner, each, context)


@pytest.mark.parametrize(
    "text",
    [
        "take these locks in one order, or let go of the first",
        "a thread asks for a lock",
        "is not released on every way out of `f`",
        "the thread hangs for ever",
        "`x` may not be acquired",
        "a `asyncio.Lock`",
        "The answer is the same to the byte.",
        "Done. What is remembered is read.",
        "1 finding gone",
        "Mend the file",
    ],
)
def test_the_table_finds_words(text: str) -> None:
    assert banned(text)


def test_the_table_leaves_plain_english_alone() -> None:
    assert not banned(
        "Always acquire these locks in the same order, or release the first before acquiring the"
        " second. What is a lock? A `Lock`, an `asyncio.Lock` or an `RLock`. A thread waits for it."
    )


@pytest.mark.parametrize(
    "page", [*PAGES, *OTHERS], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_pages(page: Path) -> None:
    assert banned(prose(page.read_text(encoding="utf-8"))) == []


def test_messages() -> None:
    found = [
        f"{module.relative_to(ROOT)}: {text}"
        for module in MODULES
        for string in strings(module)
        for text in banned(string)
    ]
    assert found == []


def test_rules() -> None:
    found = [
        f"{rule.code}: {text}"
        for rule in ALL_RULES
        for text in banned(prose(f"{rule.summary}\n\n{rule.page}"))
    ]
    assert found == []


def test_help() -> None:
    found = [f"{name}: {text}" for name, help_ in helps(locklint) for text in banned(help_)]
    assert found == []
