"""Texts are in plain English: none contains the words that ``words.toml`` lists."""

from __future__ import annotations

import ast
import re
import tokenize
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from locklint.cli import command as locklint
from locklint.rules import ALL_RULES
from tests.docs.samples import PAGES, ROOT

TABLE = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
HOME_MADE = {
    re.compile(rf"(?<!\w)(?i:{word})"): preferred
    for kind, words in TABLE.items()
    if kind != "case"
    for word, preferred in words.items()
}
WORDS = HOME_MADE | {re.compile(word): preferred for word, preferred in TABLE["case"].items()}
SOURCES = sorted((ROOT / "src" / "locklint").rglob("*.py"))
MODULES = [*SOURCES, *sorted((ROOT / "examples").glob("*.py"))]
OTHERS = [
    ROOT / name
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "action.yml", ".pre-commit-hooks.yaml")
]

_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"\]\([^)\s]*\)")
_WRAP = re.compile(r" *\n(?![\n#|*-]) *")
_CODE = re.compile(r"``[^`]*``|`[^`]*`")
_QUESTION_WORD = re.compile(r"(What|Who|Whom|Whoever|Whatever|How|Where|Whether)\b")


def banned(text: str, words: Mapping[re.Pattern[str], str] = WORDS) -> list[str]:
    """Return each banned word of a text, with the text around it and the words to use instead."""
    return [
        f"…{line[max(0, match.start() - 30) : match.end() + 30]}…: write {preferred}"
        for line in _WRAP.sub(" ", text).splitlines()
        for word, preferred in words.items()
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


def docstrings(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring of a module, those of attributes included."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                yield node.lineno, node.value.value


def comments(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of each comment; lines that follow each other are one."""
    with module.open("rb") as file:
        tokens = [t for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT]
    start = last = 0
    text = ""
    for token in tokens:
        line, words = token.start[0], token.string.lstrip("# ")
        if line != last + 1:
            if text:
                yield start, text
            start, text = line, words
        else:
            text += f" {words}"
        last = line
    if text:
        yield start, text


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


def test_docstrings_and_comments() -> None:
    found = [
        f"{module.relative_to(ROOT)}:{line}: {text}"
        for module in SOURCES
        for line, words in (*docstrings(module), *comments(module))
        for text in banned(_CODE.sub("`code`", prose(words)), HOME_MADE)
    ]
    assert found == []


def test_docstrings_open_with_a_verb_or_a_noun() -> None:
    found = [
        f"{module.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for module in SOURCES
        for line, text in docstrings(module)
        if _QUESTION_WORD.match(text)
    ]
    assert found == []
