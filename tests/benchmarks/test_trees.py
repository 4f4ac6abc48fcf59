"""The trees of the scaling benchmark, and the corpora of the speed benchmark."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.corpora import Corpus
from benchmarks.costs import MeasurementError
from benchmarks.generated_tree import WITH_LOCKS, module, modules
from benchmarks.parse_all import python_files
from benchmarks.scaling import copy_real, importable_names, renamed


def test_the_same_tree_for_the_same_size() -> None:
    assert list(modules(2_000)) == list(modules(2_000))


def test_a_smaller_tree_is_the_beginning_of_a_larger_one() -> None:
    small, large = list(modules(1_000)), list(modules(3_000))
    assert large[: len(small)] == small
    assert len(large) > len(small)


def test_a_tree_is_as_large_as_asked_for() -> None:
    lines = sum(source.count("\n") for _, source in modules(20_000))
    assert 20_000 <= lines < 20_500


def test_every_module_parses_and_one_in_eight_has_a_lock() -> None:
    sources = [module(number) for number in range(2 * WITH_LOCKS)]
    for source in sources:
        ast.parse(source)
    assert ["Lock()" in source for source in sources] == ([True] + [False] * (WITH_LOCKS - 1)) * 2


def test_modules_import_only_earlier_ones_that_exist() -> None:
    written: set[str] = set()
    for path, source in modules(30_000):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
                folder = node.module.replace(".", "/")
                assert {f"{folder}/{name.name}.py" for name in node.names} <= written
        written.add(path)


def _distributions(root: Path) -> None:
    for name, text in {
        "one-1.0/one/__init__.py": "import two\nfrom one import part\n",
        "one-1.0/one/part.py": "phone = one_more = 1\n",
        "two-2.0/two.py": "from one.part import phone\n",
        "two-2.0/two-2.0.dist-info/METADATA": "Name: two\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_copies_are_programs_of_their_own(tmp_path: Path) -> None:
    root, folder = tmp_path / "real", tmp_path / "tree"
    _distributions(root)
    copy_real(root, folder, 7)
    found = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.py")
    }
    assert found == {
        "copy0/one-1.0/one/__init__.py": "import two\nfrom one import part\n",
        "copy0/one-1.0/one/part.py": "phone = one_more = 1\n",
        "copy0/two-2.0/two.py": "from one.part import phone\n",
        "copy1/one-1.0/one_1/__init__.py": "import two_1\nfrom one_1 import part\n",
        "copy1/one-1.0/one_1/part.py": "phone = one_more = 1\n",
    }


def test_names_that_can_be_imported(tmp_path: Path) -> None:
    _distributions(tmp_path)
    assert importable_names(sorted(tmp_path.iterdir())) == {"one", "two"}


def test_without_names_nothing_is_renamed() -> None:
    assert renamed(b"import one", frozenset(), 3) == b"import one"


def test_a_single_distribution_is_copied_too(tmp_path: Path) -> None:
    root, folder = tmp_path / "real", tmp_path / "tree"
    _distributions(root)
    (root / "one-1.0" / "threading.py").write_text("import one\n", encoding="utf-8")
    copy_real(root / "one-1.0", folder, 5)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.py")} == {
        *("copy0/one-1.0/one/__init__.py", "copy0/one-1.0/one/part.py"),
        *("copy1/one-1.0/one_1/__init__.py", "copy1/one-1.0/one_1/part.py"),
        # A name of Python's library: without it there were no locks.
        *("copy0/one-1.0/threading.py", "copy1/one-1.0/threading.py"),
    }
    renamed_module = folder / "copy1" / "one-1.0" / "threading.py"
    assert renamed_module.read_text(encoding="utf-8") == "import one_1\n"


def test_folders_that_cannot_be_copied_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeasurementError, match="holds no Python code"):
        copy_real(tmp_path, tmp_path / "tree", 10)
    (tmp_path / "__init__.py").touch()
    with pytest.raises(MeasurementError, match="is a package"):
        copy_real(tmp_path, tmp_path / "tree", 10)


def test_packages_of_a_corpus_and_samples_of_it(tmp_path: Path) -> None:
    _distributions(tmp_path)
    (tmp_path / "loose.py").write_text("pass\n", encoding="utf-8")
    whole = Corpus.of(tmp_path)
    assert (len(whole.files), whole.lines) == (4, 5)
    one = Corpus.of(tmp_path, ["one"])
    assert [path.name for path in one.paths] == ["one-1.0"]
    assert Corpus.of(tmp_path, ["loose"]).bytes == len("pass\n")
    assert whole.sample(2).files == whole.files[::2]
    assert set(whole.sample(4).files) < set(whole.sample(2).files)
    with pytest.raises(FileNotFoundError, match="has none of absent"):
        Corpus.of(tmp_path, ["absent"])


def test_the_file_to_change_is_one_with_locks(tmp_path: Path) -> None:
    _distributions(tmp_path)
    locked = tmp_path / "one-1.0" / "one" / "locked.py"
    locked.write_text("from threading import Lock\nlock = Lock()\n", encoding="utf-8")
    copy = Corpus.of(tmp_path).copied(tmp_path.parent / "copy")
    assert copy.typical_file() == copy.root / tmp_path.name / "one-1.0" / "one" / "locked.py"


def test_a_named_file_is_a_python_file_too(tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.touch()
    assert list(python_files([str(file)])) == [str(file)]
