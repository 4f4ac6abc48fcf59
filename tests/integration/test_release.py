"""The parts of a release: its texts, and the packages that are built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = ("README.md", "CHANGELOG.md", "pyproject.toml", "src/locklint/__init__.py")


def release(root: Path, *words: str, dist: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the release script of a checkout."""
    return subprocess.run(
        [sys.executable, str(root / "scripts" / "release.py"), *words],
        env={**os.environ, "LOCKLINT_DIST": str(dist or root / "dist")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_packages_can_be_built_and_used(tmp_path: Path) -> None:
    result = release(ROOT, "--packages", dist=tmp_path / "dist")
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(path.suffix for path in (tmp_path / "dist").iterdir()) == [".gz", ".whl"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the texts of this checkout, as they are to be when version 1.2.0 is released."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "docs").mkdir()
    for path in [*(ROOT / name for name in TEXTS), *(ROOT / "docs").glob("*.md")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8").replace("0.1.0", "1.2.0")
        text = re.sub(r"(rev: |locklint@)COMMIT", r"\1v1.2.0", text)
        text = text.replace("https://example.org/locklint", "https://git.example/a/locklint")
        copy.write_text(text.replace("OWNER/locklint", "a/locklint"), encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.2.0] - 2026-11-28\n\n- X.\n")
    return tmp_path


def test_texts_that_are_ready(checkout: Path) -> None:
    result = release(checkout, "--documents")
    assert (result.returncode, result.stdout) == (0, "Nothing is left to do for v1.2.0.\n")


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("CHANGELOG.md", "1.2.0", "1.1.0", "below [Unreleased] is not [1.2.0]"),
        ("CHANGELOG.md", "28", "31", "[1.2.0] has no date such as"),
        ("CHANGELOG.md", " - 2026-11-28", "", "[1.2.0] has no date such as"),
        ("CHANGELOG.md", "## [1", "- More.\n\n## [1", "move what is under [Unreleased]"),
        ("README.md", "rev: v1.2.0", "rev: v1.1.0", "README.md: names v1.1.0, not v1.2.0"),
        ("README.md", "rev: v1.2.0", "rev: COMMIT", "README.md: write the tag v1.2.0 instead of"),
        ("docs/ci.md", "@v1.2.0", "@v1", "docs/ci.md: names v1, not v1.2.0"),
        ("docs/ci.md", "a/locklint@", "OWNER/locklint@", "instead of OWNER/locklint"),
        ("pyproject.toml", "git.example/a", "example.org", "pyproject.toml: write the address"),
    ],
)
def test_texts_that_are_not_ready(
    checkout: Path, name: str, old: str, new: str, problem: str
) -> None:
    path = checkout / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    result = release(checkout, "--documents")
    assert result.returncode == 1
    assert problem in result.stdout
    assert result.stdout.count("\n") == 1


def test_this_checkout_lacks_no_more_than_an_address_and_a_tag() -> None:
    left = [
        line
        for line in release(ROOT, "--documents").stdout.splitlines()
        if not re.search(": write the (address|tag)|: move what is under", line)
    ]
    assert left in ([], ["Nothing is left to do for v0.1.0."])
