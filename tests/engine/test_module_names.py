"""Under which dotted name a file is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from locklint.engine.discover import ModuleNames, module_name


@pytest.mark.parametrize(
    ("files", "asked", "expected"),
    [
        (["pkg/__init__.py"], "pkg/__init__.py", "pkg (package)"),
        (["pkg/__init__.py", "pkg/sub/__init__.py"], "pkg/sub/mod.py", "pkg.sub.mod"),
        (["src/pkg/__init__.py"], "src/pkg/mod.py", "pkg.mod"),
        (["setup.py", "tools/pkg/__init__.py"], "tools/pkg/mod.py", "pkg.mod"),
        (["setup.py", "space/pkg/__init__.py"], "space/pkg/mod.py", "space.pkg.mod"),
        (["setup.py", "space/pkg/__init__.py", "space/run.py"], "space/pkg/mod.py", "pkg.mod"),
        (["src/space/name/pkg/__init__.py"], "src/space/name/pkg/mod.py", "space.name.pkg.mod"),
        (["x-1.dist-info/METADATA", "space/pkg/__init__.py"], "space/pkg/a.py", "space.pkg.a"),
        (["src/space/mod.py"], "src/space/mod.py", "space.mod"),
        (["pyproject.toml", "scripts/run.py"], "scripts/run.py", "scripts.run"),
        (["pyproject.toml", "run.py"], "run.py", "run"),
        (["pyproject.toml", "my-scripts/run.py"], "my-scripts/run.py", "run"),
        (["src/pkg/__init__.py"], "src/pkg/script", "pkg.script"),
    ],
)
def test_names_follow_the_layout(
    files: list[str], asked: str, expected: str, tmp_path: Path
) -> None:
    # The dash keeps what stands above the temporary directory out of the names.
    root = tmp_path / "the-project"
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    name, is_package = module_name(str(root / asked))
    assert name + (" (package)" if is_package else "") == expected


def test_source_roots_decide_and_the_deepest_wins(tmp_path: Path) -> None:
    (tmp_path / "code/pkg").mkdir(parents=True)
    names = ModuleNames([str(tmp_path), str(tmp_path / "code")])
    assert names.name(str(tmp_path / "code/pkg/mod.py")) == ("pkg.mod", False)
    assert names.name(str(tmp_path / "code/mod.py")) == ("mod", False)
    assert names.name(str(tmp_path / "other/__init__.py")) == ("other", True)


def test_relative_paths_are_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src/pkg").mkdir(parents=True)
    (tmp_path / "src/pkg/__init__.py").write_text("")
    monkeypatch.chdir(tmp_path / "src/pkg")
    assert module_name("mod.py") == ("pkg.mod", False)
