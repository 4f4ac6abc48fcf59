"""Check that this checkout can be released, and build the packages: ``python3 scripts/release.py``.

Checks the version, the changelog, the documents and the tag, builds ``dist/*.tar.gz`` and from it
``dist/*.whl``, checks their metadata, and runs the wheel in an empty environment. The exit status
is 0 if nothing is left to do but to push the tag and upload ``dist``, else 1. With ``--documents``
only version, changelog and documents are checked, with ``--packages`` only the packages.
Uses the standard library, and hatchling in an environment of its own.
"""

from __future__ import annotations

import datetime
import email.message
import email.parser
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from environment import ROOT

DIST = ROOT / "dist"
PLACEHOLDERS = ("https://example.org/locklint", "OWNER/locklint")
"""The placeholder for the address of the repository."""

COMMIT = "COMMIT"
"""The placeholder for a commit in recipes until the first release has a tag."""

IN_SOURCES = (
    *("LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "action.yml", "constraints.txt"),
    *(".pre-commit-hooks.yaml", "pyproject.toml", "src/locklint/__init__.py", "docs/index.md"),
    *("tests/conftest.py", "scripts/test.py", "scripts/action.py", "examples/README.md"),
)
"""Files that the archive of the sources must hold, such as what the tests need."""

FIELDS = ("Author", "Classifier", "Keywords", "License-File", "Project-URL", "Requires-Dist")
LINKS = {"Homepage", "Documentation", "Changelog", "Issues", "Source"}


# The tag of a recipe: `rev: v1.2` of pre-commit, `locklint@v1.2` of GitHub Actions and pip.
_TAG = re.compile(r"(?:\brev: |locklint(?:\.git)?@)([^\s`]+)")


def version() -> str:
    """Return the version of this checkout."""
    text = (ROOT / "src" / "locklint" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert found is not None
    return found[1]


def document_problems() -> Iterator[str]:
    """Yield what must be changed in the texts before this version is released."""
    wanted = version()
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\](?: - (\S+))?\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if [name for name, _, _ in sections[:2]] != ["Unreleased", wanted]:
        yield f"CHANGELOG.md: the section below [Unreleased] is not [{wanted}]"
    else:
        if sections[0][2].strip():
            yield f"CHANGELOG.md: move what is under [Unreleased] to [{wanted}]"
        try:
            datetime.date.fromisoformat(sections[1][1])
        except ValueError:
            yield f"CHANGELOG.md: [{wanted}] has no date such as 2026-11-28"
    pages = sorted(path for path in (ROOT / "docs").glob("*.md"))
    for path in (ROOT / "README.md", ROOT / "pyproject.toml", *pages):
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        for other in sorted(set(_TAG.findall(text)) - {f"v{wanted}"}):
            if other == COMMIT:
                yield f"{name}: write the tag v{wanted} instead of {COMMIT}"
            else:
                yield f"{name}: names {other}, not v{wanted}"
        for each in PLACEHOLDERS:
            if each in text:
                yield f"{name}: write the address of the repository instead of {each}"


def repository_problems() -> Iterator[str]:
    """Yield what must be changed in the repository before this version is tagged."""
    tag = f"v{version()}"
    if _git("status", "--porcelain"):
        yield "git: there are changes that are not committed"
    tagged = _git("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}")
    if tagged and tagged != _git("rev-parse", "HEAD"):
        yield f"git: the tag {tag} is that of another commit"


def _git(*words: str) -> str:
    result = subprocess.run(
        ["git", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return result.stdout.strip()


def build(dist: Path, scratch: Path) -> tuple[Path, Path]:
    """Build the archive of the sources, and the wheel from that archive alone."""
    python = _environment(scratch / "build", "hatchling")
    _run(str(python), "-m", "hatchling", "build", "-t", "sdist", "-d", str(dist))
    sources = dist / f"locklint-{version()}.tar.gz"
    with tarfile.open(sources) as archive:
        archive.extractall(scratch / "sources", filter="data")
    unpacked = scratch / "sources" / f"locklint-{version()}"
    _run(str(python), "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist), folder=unpacked)
    return sources, dist / f"locklint-{version()}-py3-none-any.whl"


def package_problems(sources: Path, wheel: Path) -> Iterator[str]:
    """Yield what is wrong with the packages."""
    with tarfile.open(sources) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for name in IN_SOURCES:
        if name not in held:
            yield f"{sources.name}: lacks {name}"
    with zipfile.ZipFile(wheel) as package:
        names = set(package.namelist())
        info = f"locklint-{version()}.dist-info"
        metadata = email.parser.Parser().parsestr(package.read(f"{info}/METADATA").decode("utf-8"))
    modules = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    if lacking := sorted(modules - names):
        yield f"{wheel.name}: lacks {', '.join(lacking)}"
    if foreign := sorted(names - modules - {name for name in names if name.startswith(info)}):
        yield f"{wheel.name}: holds {', '.join(foreign)}"
    yield from (f"{wheel.name}: {each}" for each in metadata_problems(metadata))


def metadata_problems(metadata: email.message.Message) -> Iterator[str]:
    """Yield what the package index, or a reader of its page, would miss in the metadata."""
    if metadata["Version"] != version():
        yield f"is version {metadata['Version']}"
    for field in FIELDS:
        if not metadata.get_all(field):
            yield f"the metadata lack {field}"
    links = {each.partition(",")[0] for each in metadata.get_all("Project-URL", [])}
    if links != LINKS:
        yield f"the metadata link to {', '.join(sorted(links))}, not {', '.join(sorted(LINKS))}"
    if not str(metadata["Description-Content-Type"]).startswith("text/markdown"):
        yield "the long description is not Markdown"
    if metadata.get_payload() != (ROOT / "README.md").read_text(encoding="utf-8"):
        yield "the long description is not README.md"
    if len(str(metadata["Summary"])) > 512 or "\n" in str(metadata["Summary"]):
        yield "the summary is not one short line"


def use_problems(wheel: Path, scratch: Path) -> Iterator[str]:
    """Yield what is wrong with the wheel once it is installed into an empty environment."""
    python = _environment(scratch / "use", str(wheel))
    program = str(python.with_name("locklint"))
    example = ROOT / "examples" / "early_return.py"
    for words, status, text in (
        (["version"], 0, f"locklint {version()}\n"),
        (["check", "--isolated", "--no-cache", str(example)], 1, "error[LCK103]"),
        (["rule", "LCK103"], 0, "# unreleased-on-path"),
    ):
        result = subprocess.run(
            [program, *words], cwd=scratch, capture_output=True, text=True, check=False
        )
        if result.returncode != status or not result.stdout.startswith(text):
            said = result.stdout + result.stderr
            yield f"{wheel.name}: locklint {words[0]} gives {result.returncode}, and says: {said}"


def _environment(folder: Path, package: str) -> Path:
    """Make an environment that holds one package and what it needs; return its Python."""
    # This Python's pip installs for both environments; neither needs one of its own.
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--no-compile", package)
    return python


def _run(*command: str, folder: Path = ROOT) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)


def main(words: list[str]) -> int:
    """Check everything, or a part of it, and say what is left to do."""
    if words not in ([], ["--documents"], ["--packages"]):
        print("usage: release.py [--documents|--packages]", file=sys.stderr)
        return 2
    problems: list[str] = []
    if words != ["--packages"]:
        problems += document_problems()
    if not words:
        problems += repository_problems()
    if words != ["--documents"]:
        dist = Path(os.environ.get("LOCKLINT_DIST", DIST)).resolve()
        with tempfile.TemporaryDirectory() as folder:
            sources, wheel = build(dist, Path(folder))
            problems += [*package_problems(sources, wheel), *use_problems(wheel, Path(folder))]
    for problem in problems:
        print(problem)
    if not problems:
        print(f"Nothing is left to do for v{version()}.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
