"""Samples in the documentation: commands in ``console`` fences with what they print.

A fence is a sample if a command in it is followed by output. The commands of a page run one after
another in a folder that holds the examples, and the files which ``python`` fences of the page name
in a first line such as ``# shop/till.py``. What they print replaces the output in the fence.
"""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from locklint.cli import main
from locklint.rules import ALL_RULES

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        *(ROOT / name for name in ("README.md", "examples/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
    if not {"adr", "rules", "_build"} & set(path.relative_to(ROOT).parts)
)
ON_REQUEST = {rule.code for rule in ALL_RULES if rule.on_request}
WIDTH = 100
"""The columns of the terminal for which samples are printed, unless they set COLUMNS."""

_FENCE = re.compile(r"^```(?P<kind>console|python)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (?P<name>[\w/]+\.py)\n")
# Of the table in the README of the examples.
_ROW = re.compile(r"^\| \[(\w+)\.py\]\(\w+\.py\) \| .+ \| (.+) \|$", re.MULTILINE)
_HOME = "/home/me/project"
_LEFT_OUT = re.compile(r"GIT|CI$|CI_|BUILD_|LOCKLINT_|FORCE_COLOR|NO_COLOR|PYTHON")


def has_samples(page: Path) -> bool:
    """Whether a page shows what a command prints."""
    text = page.read_text(encoding="utf-8")
    return any(_is_sample(match) for match in _FENCE.finditer(text))


def without_output(text: str) -> str:
    """Return the text of a page with the commands of its samples alone."""

    def strip(match: re.Match[str]) -> str:
        lines = match["text"].splitlines(keepends=True) if match["kind"] == "console" else []
        kept = "".join(line for line in lines if line.startswith("$ "))
        return f"```console\n{kept}```" if lines else match[0]

    return _FENCE.sub(strip, text)


def examples_page() -> str:
    """Return the page of the examples, with a placeholder for the output of each command."""
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    parts = [
        "# Examples",
        "Small programs that show a fault and its fix. Functions called `faulty…` contain the"
        " fault, functions called `cured…` do the same without it. Each program runs on its own"
        " and ends, even if its threads deadlock. They are in the folder `examples` of the"
        " repository.",
    ]
    for name, rules in _ROW.findall(listed):
        module = ast.parse((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8"))
        codes = re.findall(r"LCK\d+", rules)
        links = [f"[{code}](rules/{code}.md)" for code in codes]
        asked = [code for code in codes if code in ON_REQUEST]
        option = f" --extend-select {','.join(asked)}" if asked else ""
        parts += [
            f"## {name.replace('_', ' ').capitalize()}",
            (ast.get_docstring(module) or "").replace("``", "`"),
            *([f"Found by {' and '.join(links)}."] if links else []),
            # Numbered as in the file, because findings name lines.
            f"```{{literalinclude}} ../examples/{name}.py\n:language: python"
            f"\n:lines: {module.body[1].lineno}-\n:lineno-match:\n```",
            f"```console\n$ locklint check{option} examples/{name}.py\n…\n```",
        ]
    return "\n\n".join(parts) + "\n"


def renewed(page: Path, folder: Path) -> str:
    """Return the text of a page with the samples as they are printed now."""
    shutil.copytree(ROOT / "examples", folder / "examples")

    def renew(match: re.Match[str]) -> str:
        file = _FILE.match(match["text"])
        if match["kind"] == "python" and file is not None:
            path = folder / file["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(match["text"], encoding="utf-8")
        if not _is_sample(match):
            return match[0]
        lines = match["text"].splitlines()
        commands = [line for line in lines if line.startswith("$ ")]
        return "".join(
            ["```console\n", *(f"{each}\n{_printed(each[2:], folder)}" for each in commands), "```"]
        )

    return _FENCE.sub(renew, page.read_text(encoding="utf-8"))


def _is_sample(match: re.Match[str]) -> bool:
    commands = [line.startswith("$ ") for line in match["text"].splitlines()]
    return match["kind"] == "console" and any(commands) and not all(commands)


def _printed(command: str, folder: Path) -> str:
    """Return what a command prints, standard error included, as a person would see it.

    A command without a pipe runs in this process, as most of the time would go into starting it.
    """
    kept = {name: value for name, value in os.environ.items() if not _LEFT_OUT.match(name)}
    variables = {
        **kept,
        "COLUMNS": str(WIDTH),
        "LOCKLINT_NO_CACHE": "1",
        "PYTHONUTF8": "1",
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
    }
    program, *words = shlex.split(command)
    if program == "locklint" and "|" not in words:
        said = _said(words, folder, variables)
    else:
        said = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", command],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        ).stdout
    text = said.decode("utf-8").replace(str(folder), _HOME).rstrip("\n")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _said(words: list[str], folder: Path, variables: dict[str, str]) -> bytes:
    printed = io.BytesIO()
    with (
        io.TextIOWrapper(printed, "utf-8", write_through=True) as stream,
        redirect_stdout(stream),
        redirect_stderr(stream),
        patch.dict(os.environ, variables, clear=True),
        chdir(folder),
    ):
        main(words)
        return printed.getvalue()
