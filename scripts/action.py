"""The steps of the GitHub action: ``python -I scripts/action.py install`` and ``… run``.

Uses the standard library alone. The checkout is not trusted: nothing is imported from it, its files
never name a program, and what an input holds is never an option of another program. The inputs come
in environment variables, as action.yml sets them.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import shlex
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

VERBS = frozenset(
    "baseline check clean completion config debug diff graph index rule version".split()
)
"""The first words of ``args`` that are verbs; before anything else ``check`` is meant."""

_CHECK_INPUTS = {
    "SARIF_FILE": "sarif-file",
    "BASELINE_REF": "baseline-ref",
    "FAIL_ON": "fail-on",
}

_OLDEST_PYTHON = (3, 11)
_LARGEST_PINS = 1_000_000
"""How many bytes of a requirements file are read."""

_REFERENCE = re.compile(r"(?!-)[^\s:+?*\[\\\x00-\x1f\x7f]+")
_PINNED = re.compile(r"locklint\s*(\[[\w\s,.-]*\])?((?:\s*,?\s*[=<>!~]{1,3}\s*[^\s;#,]+)+)", re.I)


def main(words: Sequence[str], inputs: Mapping[str, str]) -> int:
    """Run one step; return its exit status."""
    if sys.version_info < _OLDEST_PYTHON:
        _fail(
            f"locklint needs Python {_OLDEST_PYTHON[0]}.{_OLDEST_PYTHON[1]} or newer, not"
            f" {sys.version.split()[0]}; run actions/setup-python first"
        )
    for name, value in inputs.items():
        text = re.sub(r"\r?\n", " ", value) if name in _SPLIT else value.strip("\n")
        if name in _INPUTS and re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
            _fail(f"the input {_INPUTS[name]} holds a control character")
    if list(words) == ["install"]:
        return install(inputs)
    if list(words) == ["run"]:
        return run(inputs)
    _fail("usage: action.py install|run")


_SPLIT = frozenset({"ARGS", "SRC"})
"""The inputs that may have several lines, because they are split at blanks."""

_INPUTS = {
    "ARGS": "args",
    "SRC": "src",
    "VERSION": "version",
    "VERSION_FILE": "version-file",
    **_CHECK_INPUTS,
}


def _fail(message: str) -> NoReturn:
    print(f"::error title=locklint::{message}")
    raise SystemExit(2)


def _environment(inputs: Mapping[str, str]) -> Path:
    return Path(inputs["RUNNER_TEMP"]) / "locklint"


def _python(inputs: Mapping[str, str]) -> str:
    folder = _environment(inputs) / ("Scripts" if os.name == "nt" else "bin")
    return str(folder / "python")


# -- install ----------------------------------------------------------------------------------


def install(inputs: Mapping[str, str]) -> int:
    """Make an environment outside of the checkout and install locklint in it."""
    environment = _environment(inputs)
    try:
        venv.create(environment, with_pip=True, clear=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        _fail(f"a virtual environment cannot be made: {error}")
    command = [_python(inputs), "-I", "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", *wanted(inputs)]
    # In another folder, so that no file of the checkout is taken for one of pip's.
    if subprocess.call(command, cwd=environment) != 0:
        _fail("locklint cannot be installed")
    program = Path(_python(inputs)).with_name("locklint")
    _write_output(inputs, "program", str(program))
    return 0


def wanted(inputs: Mapping[str, str]) -> list[str]:
    """Return what pip shall install: a version, a pinned version, or the action's own folder."""
    version = inputs["VERSION"].strip()
    if version:
        if not re.fullmatch(r"[\w.!+-]+", version) or version.startswith("-"):
            _fail(f"the input version is no version: {version}")
        return [f"locklint=={version}"]
    if inputs["VERSION_FILE"]:
        path = Path(inputs["GITHUB_WORKSPACE"], inputs["VERSION_FILE"])
        try:
            if path.exists() and not path.is_file():
                _fail(f"the input version-file: {path.name} is no file")  # A pipe would hang.
            with path.open("rb") as stream:
                text = stream.read(_LARGEST_PINS).decode("utf-8", "replace")
        except OSError as error:
            _fail(f"the input version-file: {path.name}: {error.strerror}")
        return [_pinned(text, path.name)]
    return [inputs["ACTION_PATH"]]


def _pinned(text: str, name: str) -> str:
    """Return the requirement of locklint in a requirements file, extras included."""
    for line in text.splitlines():
        found = _PINNED.match(line.strip())
        if found is not None:
            extras, versions = (re.sub(r"\s", "", found[n] or "") for n in (1, 2))
            return f"locklint{extras}{versions}"
    _fail(f"the input version-file: {name} holds no line such as locklint==1.2")


# -- run --------------------------------------------------------------------------------------


def run(inputs: Mapping[str, str]) -> int:
    """Run locklint on the checkout, as the inputs say."""
    words = _split(inputs["ARGS"], "args")
    if not words or words[0] not in VERBS:
        words.insert(0, "check")
    if words[0] == "check":
        # In front, because behind a `--` of the user's they would be paths.
        words[1:1] = _options(words, inputs)
    else:
        for name, shown in _CHECK_INPUTS.items():
            if inputs[name]:
                _fail(f"the input {shown} has an effect on `check` only, not on `{words[0]}`")
    paths = [path for word in _split(inputs["SRC"], "src") for path in _filled_in(word)]
    environment = dict(os.environ)
    if inputs["SUMMARY"] != "true":
        environment.pop("GITHUB_STEP_SUMMARY", None)
    command = [_python(inputs), "-I", "-m", "locklint", *words]
    if paths:
        command += paths if "--" in words else ["--", *paths]
    return subprocess.call(command, env=environment)


def _split(text: str, name: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        _fail(f"the input {name} cannot be read: {error}")


def _filled_in(word: str) -> list[str]:
    """Return the paths that match a pattern; the word itself if none does, or if it is a path."""
    if os.path.lexists(word):
        return [word]
    return sorted(glob.glob(word, recursive=True)) or [word]


def _options(given: Sequence[str], inputs: Mapping[str, str]) -> list[str]:
    words = [] if _chooses_format(given) else ["--output-format=github"]
    if inputs["SARIF_FILE"]:
        words.append(f"--output-format=sarif:{inputs['SARIF_FILE']}")
        _write_output(inputs, "sarif-file", inputs["SARIF_FILE"])
    if inputs["BASELINE_REF"]:
        words.append(f"--changed-since={_commit(inputs['BASELINE_REF'])}")
    if inputs["FAIL_ON"] == "never":
        words.append("--exit-zero")
    elif inputs["FAIL_ON"]:
        if inputs["FAIL_ON"] not in ("info", "warning", "error"):
            _fail("the input fail-on is one of info, warning, error and never")
        words.append(f"--fail-level={inputs['FAIL_ON']}")
    return words


def _chooses_format(words: Sequence[str]) -> bool:
    """Whether the words name a format for standard output, which has room for one."""
    formats = [word.partition("=")[2] for word in words if word.startswith("--output-format=")]
    formats += [value for name, value in itertools.pairwise(words) if name == "--output-format"]
    return any(":" not in each for each in formats)


def _write_output(inputs: Mapping[str, str], name: str, value: str) -> None:
    with open(inputs["GITHUB_OUTPUT"], "a", encoding="utf-8") as output:
        output.write(f"{name}={value}\n")


def _commit(reference: str) -> str:
    """Return the commit of a reference, which a shallow checkout has to fetch first."""
    if not _REFERENCE.fullmatch(reference):
        _fail(f"the input baseline-ref is no commit, branch or tag: {reference}")
    known = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if known.returncode == 0:
        return known.stdout.strip()
    fetched = _git("fetch", "--quiet", "--no-tags", "--depth=1", "--", "origin", reference)
    head = _git("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}")
    if fetched.returncode != 0 or head.returncode != 0:
        _fail(f"the input baseline-ref: {reference} cannot be fetched from origin")
    return head.stdout.strip()


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
