"""Which files a run scans, and what it says about what it cannot scan."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.engine.discover import Problem, discover


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the working directory."""
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    monkeypatch.chdir(repository)
    return repository


def fill(root: Path, *names: str, **texts: str) -> None:
    """Make empty files, and the ``.gitignore`` whose text is given as ``gitignore``."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for name, text in texts.items():
        (root / f".{name}").write_text(text)


def paths(*named: str, config: Config | None = None) -> list[str]:
    """The found paths; no problem may have come up."""
    found = discover(named, config or Config())
    assert found.problems == ()
    return [file.path for file in found.files]


def test_files_are_sorted_and_only_python(root: Path) -> None:
    fill(root, "b.py", "a/z.py", "a/notes.txt", "a/stub.pyi", "a/b/c.py", "script")
    assert paths(".") == ["a/b/c.py", "a/z.py", "b.py"]


def test_paths_are_shown_as_they_were_given(root: Path) -> None:
    fill(root, "a/x.py")
    assert paths("./a") == ["a/x.py"]
    assert paths(str(root / "a")) == [str(root / "a" / "x.py")]
    os.chdir(root / "a")
    assert paths("../a") == ["../a/x.py"]


def test_a_file_reached_twice_is_listed_once_whatever_the_order(root: Path) -> None:
    fill(root, "a/x.py")
    ways = ["a", "./a/x.py", ".", str(root)]
    assert paths(*ways) == paths(*reversed(ways)) == ["a/x.py"]


def test_sizes_are_in_bytes(root: Path) -> None:
    (root / "x.py").write_text("é\n", encoding="utf-8")
    assert [file.size for file in discover(["."], Config()).files] == [3]


@pytest.mark.parametrize(
    "text",
    [
        "#!/usr/bin/env -S python3 -I\nx = 1\n",
        "import threading\n",
        "# -\n\n\ndef f():\n    'x\\d'\n",
    ],
)
def test_an_explicit_file_is_taken_if_it_is_python(root: Path, text: str) -> None:
    fill(root, "venv/x.py", gitignore="script\n")
    (root / "script").write_text(text)
    assert paths("script", "venv/x.py") == ["script", "venv/x.py"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        '{"import": true}\n',
        "[tool]\nname = 'x'\n",
        "#!/bin/sh\nimport x | y\n",
        "import this\0",
    ],
)
def test_an_explicit_file_is_passed_over_if_it_is_not_python(root: Path, text: str) -> None:
    fill(root, "x.py")
    (root / "notes.txt").write_text(text)
    found = discover(("notes.txt", "x.py"), Config())
    assert ([file.path for file in found.files], found.problems) == (["x.py"], ())
    assert found.passed_over == ("notes.txt",)


def test_default_excludes_hold_below_a_named_directory_only(root: Path) -> None:
    fill(root, "build/x.py", "build/node_modules/y.py", ".venv/z.py", "build.py", "a.egg-info/i.py")
    assert paths(".") == ["build.py"]
    assert paths("build") == ["build/x.py"]


def test_exclude_replaces_and_extend_exclude_adds(root: Path) -> None:
    fill(root, "build/x.py", "legacy/a.py", "legacy/b.py", "src/legacy.py")
    assert paths(".", config=Config(exclude=("legacy",))) == ["build/x.py", "src/legacy.py"]
    assert paths(".", config=Config(extend_exclude=("./legacy/a.py",))) == [
        "legacy/b.py",
        "src/legacy.py",
    ]


def test_force_exclude_holds_for_named_paths_too(root: Path) -> None:
    fill(root, "build/x.py", "gen/y.py", "src/z.py", gitignore="gen/\n")
    config = Config(force_exclude=True)
    assert paths("build/x.py", "gen", "gen/y.py", "src/z.py", config=config) == ["src/z.py"]


def test_gitignore_is_honoured_at_every_level(root: Path) -> None:
    fill(root, "a.py", "gen/a.py", "sub/gen.py", "sub/keep/gen.py", "sub/x.py", "sub/local.py")
    fill(root, gitignore="gen.py\n/gen/\n")
    fill(root / "sub", gitignore="!keep/gen.py\nlocal.py\n")
    assert paths(".") == ["a.py", "sub/keep/gen.py", "sub/x.py"]
    assert paths("sub") == ["sub/keep/gen.py", "sub/x.py"]
    assert len(paths(".", config=Config(respect_gitignore=False))) == 6


def test_nothing_below_an_ignored_directory_is_let_in_again(root: Path) -> None:
    fill(root, "gen/keep.py", "x.py", gitignore="gen/\n!gen/keep.py\n")
    assert paths(".") == ["x.py"]


def test_a_named_directory_that_is_ignored_is_walked(root: Path) -> None:
    fill(root, "gen/a.py", "gen/b.tmp.py", gitignore="gen/**\n*.tmp.py\n")
    assert paths("gen") == ["gen/a.py"]
    fill(root / "gen", gitignore="*\n")  # As a virtual environment ignores itself.
    assert paths("gen") == ["gen/a.py"]


def test_a_list_of_what_is_let_through_is_honoured_in_the_named_directory(root: Path) -> None:
    fill(root, "a.py", "src/b.py", gitignore="/*\n!/src/\n")
    assert paths(".") == ["src/b.py"]


def test_git_info_exclude_is_honoured_in_worktrees_too(root: Path) -> None:
    fill(root, "a.py", "b.py", "tree/a.py", "tree/b.py")
    (root / ".git/info").mkdir()
    (root / ".git/info/exclude").write_text("a.py\n")
    assert paths(".") == ["b.py", "tree/b.py"]
    own = root / ".git/worktrees/tree"
    own.mkdir(parents=True)
    (own / "commondir").write_text("../..\n")
    (root / "tree/.git").write_text(f"gitdir: {own}\n")
    assert paths("tree") == ["tree/b.py"]


def test_outside_of_a_repository_only_ignore_files_in_the_tree_count(tmp_path: Path) -> None:
    fill(tmp_path, "a/b/x.py", "a/b/y.py", gitignore="x.py\n")
    fill(tmp_path / "a/b", gitignore="y.py\n")
    assert paths(str(tmp_path / "a")) == [str(tmp_path / "a/b/x.py")]


def test_an_inner_repository_has_its_own_ignores(root: Path) -> None:
    fill(root, "inner/.git/HEAD", "inner/gen.py", "gen.py", "x.py", gitignore="gen.py\n")
    assert paths(".") == ["inner/gen.py", "x.py"]


def test_lines_that_git_does_not_understand_are_passed_over(root: Path) -> None:
    fill(root, "a.py", "b.py", gitignore="\ufeff[z-a].py\r\n!\r\na\\\r\nb.py\r\n")
    assert paths(".") == ["a.py"]


def test_an_ignore_file_that_is_a_pipe_does_not_block(root: Path) -> None:
    fill(root, "a.py")
    os.mkfifo(root / ".gitignore")
    assert paths(".") == ["a.py"]


def test_missing_paths_and_empty_directories_are_fatal(root: Path) -> None:
    fill(root, "empty/notes.txt")
    assert discover(["missing", "empty", "a\0b"], Config()).problems == (
        Problem(r"a\x00b", "cannot be read: not a valid path", True),
        Problem("empty", "contains no Python files", True),
        Problem("missing", "does not exist", True),
    )


def test_loops_of_symbolic_links_end(root: Path) -> None:
    fill(root, "a/x.py")
    (root / "a/up").symlink_to(root, target_is_directory=True)
    (root / "a/self.py").symlink_to("self.py")
    (root / "other").symlink_to("a", target_is_directory=True)
    found = discover(["."], Config())
    assert [file.path for file in found.files] == ["a/x.py"]
    assert [problem.path for problem in found.problems] == ["a/self.py"]
    assert not found.problems[0].fatal
    assert [file.path for file in discover(["other"], Config()).files] == ["other/x.py"]


def test_linked_files_are_followed_but_not_listed_twice(root: Path) -> None:
    fill(root, "z.py", "elsewhere/data")
    (root / "a.py").symlink_to("z.py")
    (root / "b.py").symlink_to("elsewhere/data")
    (root / "c.py").symlink_to("gone")
    (root / ".#z.py").symlink_to("somebody@host.1234")
    found = discover(["."], Config())
    assert [file.path for file in found.files] == ["b.py", "z.py"]
    assert found.problems == (Problem("c.py", "is a broken symbolic link"),)


def test_pipes_sockets_and_devices_are_problems(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root, "ok.py")
    os.mkfifo(root / "pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")  # A relative name, as the longest name of a socket is short.
        found = discover([".", "/dev/null", "pipe.py"], Config())
    assert [file.path for file in found.files] == ["ok.py"]
    assert found.problems == (
        Problem("/dev/null", "is a device, not a file of source text", True),
        Problem("pipe.py", "is a named pipe, not a file of source text"),
        Problem("pipe.py", "is a named pipe, not a file of source text", True),
        Problem("socket.py", "is a socket, not a file of source text"),
    )


def test_unreadable_directories_are_problems(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(root, "a/x.py", "b/y.py")
    scan = os.scandir

    def refuse(path: str) -> object:
        if os.path.basename(path) == "a":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = discover(["."], Config())
    assert [file.path for file in found.files] == ["b/y.py"]
    assert found.problems == (Problem("a", "cannot be read: Permission denied"),)
    named = discover(["a", "a"], Config())
    assert named.problems == (Problem("a", "cannot be read: Permission denied", True),)


def test_names_that_are_not_utf8_can_be_printed(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    try:
        (root / name).write_text("")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    (file,) = discover(["."], Config()).files
    assert file.path == name
    assert file.shown == "caf\\xe9.py"
    assert os.path.exists(file.path)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what is compared with")
@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_git_on_random_trees(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(seed)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    places = [tmp_path]
    for _ in range(8):
        place = choose.choice(places) / choose.choice(["a", "b", "src", "gen", "a b"])
        place.mkdir(exist_ok=True)
        places.append(place)
    places = sorted(set(places))
    for place in places:
        for name in choose.sample(["x.py", "y.py", "keep.py", "gen.py", "t_x.py"], 3):
            (place / name).write_text("")
    for place in choose.sample(places, min(3, len(places))):
        lines = [_random_pattern(choose) for _ in range(4)]
        # With a negation the pattern files keep their meaning in a named directory.
        (place / ".gitignore").write_text("\n".join([*lines, "!nothing", ""]))
    listing = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    expected = sorted(name for name in listed.split("\0") if name.endswith(".py"))
    found = discover(["."], Config(exclude=()))
    assert [file.path for file in found.files] == expected


def _random_pattern(choose: random.Random) -> str:
    atoms = "a b src gen x.py *.py keep.py *_x.py ? [ab] ** * a* g?n [!a] x.*".split()
    pattern = "/".join(choose.choice([*atoms, "a b"]) for _ in range(choose.choice([1, 1, 2, 3])))
    before = choose.choice(["", "", "", "!", "/", "!/"])
    return before + pattern + choose.choice(["", "", "/"])
