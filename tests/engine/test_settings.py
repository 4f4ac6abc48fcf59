"""Settings of several folders: which rules run where, and what only the root decides."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import replace

from locklint.core.config import Config, LockType, order_pairs
from locklint.core.diagnostic import Confidence, Diagnostic, Severity
from locklint.core.source import Span
from locklint.engine.foreign_settings import keeps_foreign_codes
from locklint.engine.load_config import SettingsError, load_config, load_file
from locklint.engine.patterns import FilePattern, anchored
from locklint.engine.pipeline import check
from locklint.engine.selection import is_shown, select_rules
from locklint.engine.settings import RuleSelection, Settings, find_root
from locklint.engine.settings_table import as_toml, json_schema, settings_table
from locklint.rules import ALL_RULES
from tests.cli.rules import RULES

DOCS = Path(__file__).parents[2] / "docs"

LEAK = """\
import threading

lock = threading.Lock()


def f(job):
    lock.acquire()
    job()
    lock.release()
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faults in three folders, to which the process has changed."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "old/b.py", "old/deep/c.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(LEAK)
    return tmp_path


def found(*paths: str) -> dict[str, list[str]]:
    """The codes that are found, by file, and nothing of files without findings."""
    settings = Settings(find_root(paths or (".",)), per_folder=True)
    report = check(paths or (".",), settings.config, settings=settings)
    codes: dict[str, list[str]] = {}
    for each in report.diagnostics:
        codes.setdefault(each.path, []).append(each.code)
    return codes


def test_the_nearest_file_says_which_rules_run(tree: Path) -> None:
    (tree / "locklint.toml").write_text('ignore = ["LCK102"]\n')
    (tree / "old" / "locklint.toml").write_text('select = ["LCK105"]\n')
    (tree / "old" / "deep" / "pyproject.toml").write_text('[tool.locklint]\nselect = ["LCK102"]\n')
    assert found() == {"a.py": ["LCK101"], "old/deep/c.py": ["LCK102"]}


def test_a_folder_can_extend_what_the_root_says(tree: Path) -> None:
    (tree / "locklint.toml").write_text('extend-ignore = ["LCK101"]\n')
    (tree / "old" / "locklint.toml").write_text(
        'extend = "../locklint.toml"\nextend-ignore = ["LCK102"]\n'
    )
    assert found() == {"a.py": ["LCK102"]}
    settings = Settings(find_root(["."]), per_folder=True)
    settings.of("old/b.py")
    assert settings.notes == []


def test_what_the_analysis_needs_comes_from_the_root(tree: Path) -> None:
    (tree / "locklint.toml").write_text('lock-types."pkg.A" = {}\n')
    (tree / "old" / "locklint.toml").write_text('lock-types."pkg.B" = {}\nfail-level = "error"\n')
    settings = Settings(find_root(["."]), per_folder=True)
    assert settings.of("old/b.py").lock_types == {"pkg.A": LockType()}
    assert settings.of("old/deep/c.py").fail_level is Severity.WARNING
    (note,) = settings.notes
    assert note.startswith(f"{tree.resolve()}/old/locklint.toml: ignored `fail-level`, `lock-")


def test_where_the_root_is(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_root(["."]).path is None
    (tree / "old" / "locklint.toml").write_text("")
    assert find_root(["."]).path is None
    assert find_root(["old/b.py"]).path == tree.resolve() / "old/locklint.toml"
    (tree / "locklint.toml").write_text("")
    assert find_root(["old/b.py"]).path == tree.resolve() / "locklint.toml"
    monkeypatch.chdir(tree / "old" / "deep")
    assert find_root([str(tree)]).path == tree.resolve() / "locklint.toml"
    assert find_root(["c.py"]).path == tree.resolve() / "old/locklint.toml"


def test_a_wrong_file_in_a_folder_stops_the_run_before_it_begins(tree: Path) -> None:
    path = tree / "old" / "locklint.toml"
    path.write_text('select = ["LCK999"]\n')
    with pytest.raises(SettingsError, match="there is no rule `LCK999`"):
        found()
    path.write_text("selct = []\n")
    with pytest.raises(SettingsError, match="did you mean `select`"):
        found()


def test_per_file_ignores(tree: Path) -> None:
    (tree / "locklint.toml").write_text('[per-file-ignores]\n"old/*.py" = ["LCK1"]\n')
    assert sorted(found()) == ["a.py", "old/deep/c.py"]
    (tree / "locklint.toml").write_text('[per-file-ignores]\n"old/" = ["LCK1"]\n')
    assert sorted(found()) == ["a.py"]
    (tree / "locklint.toml").write_text('[per-file-ignores]\n"!old/" = ["LCK1"]\n')
    assert sorted(found()) == ["old/b.py", "old/deep/c.py"]
    (tree / "locklint.toml").write_text(
        '[per-file-ignores]\n"c.py" = ["unreleased-on-exception"]\n'
    )
    assert found() == {"a.py": ["LCK102"], "old/b.py": ["LCK102"], "old/deep/c.py": ["LCK101"]}
    (tree / "locklint.toml").write_text('[per-file-ignores]\n"a.py" = ["LCK999"]\n')
    with pytest.raises(SettingsError, match="there is no rule `LCK999`"):
        found()


def test_patterns_are_relative_to_their_file(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "locklint.toml").write_text('extend-exclude = ["old/deep/", "./a.py"]\n')
    assert sorted(found()) == ["old/b.py"]
    monkeypatch.chdir(tree / "old")
    assert sorted(found()) == ["b.py"]
    (tree / "old" / "locklint.toml").write_text('extend = "../locklint.toml"\n')
    assert sorted(found()) == ["b.py"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("build", "build"),
        ("build/", "build/"),
        ("*.py", "*.py"),
        ("./build", "build"),
        ("a/b", "/p/q/a/b"),
        ("/a", "/p/q/a"),
        ("!a/b", "!/p/q/a/b"),
        ("**/a", "/p/q/**/a"),
        ("/p/q/a", "/p/q/a"),
    ],
)
def test_anchored(pattern: str, expected: str) -> None:
    assert anchored(pattern, "/p/q") == expected


def test_folders_with_odd_names(tmp_path: Path) -> None:
    folder = tmp_path / "a [b] *!#"
    assert FilePattern(anchored("x/*.py", str(folder))).matches(str(folder / "x" / "y.py"))
    other = tmp_path / "a b c!#"
    assert not FilePattern(anchored("x/*.py", str(folder))).matches(str(other / "x" / "y.py"))


def test_extended_files(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "pyproject.toml").write_text("""
[tool.locklint]
select = ["LCK1"]
ignore = ["LCK105"]
extend-exclude = ["x/y"]
source-roots = ["src"]
[tool.locklint.per-file-ignores]
"a/b" = ["LCK101"]
"c" = ["LCK2"]
""")
    (tmp_path / "locklint.toml").write_text("""
extend = "base/pyproject.toml"
ignore = ["LCK102"]
extend-exclude = ["z/y"]
baseline = "known.txt"
[per-file-ignores]
"c" = ["LCK101"]
""")
    folder = str(tmp_path.resolve())
    loaded = load_config(tmp_path)
    assert loaded.config == Config(
        extend="base/pyproject.toml",
        select=("LCK1",),
        ignore=("LCK102",),
        extend_exclude=(f"{folder}/base/x/y", f"{folder}/z/y"),
        source_roots=(f"{folder}/base/src",),
        per_file_ignores={f"{folder}/base/a/b": ("LCK101",), "c": ("LCK101",)},
        baseline=f"{folder}/known.txt",
    )
    assert "source-roots" not in loaded.keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extend = "gone.toml"', "gone.toml: does not exist"),
        ('extend = "locklint.toml"', "extends itself"),
        ('extend = "."', "is a folder"),
        ("extend = 3", "`extend`: expected a string"),
        ('lock-order = ["a"]', "write an order as `first < second`"),
        ('lock-order = ["a <"]', "a name is missing next to `<`"),
        ('lock-order = ["a b < c"]', "`a b` is not the name of one lock"),
        ('lock-order = ["a < a"]', "a lock cannot come before itself"),
        ('lock-order = ["a < b", "b < c", "c < a"]', "'c < a' contradicts"),
        ('target-version = "3.11"', "expected a version such as `py311`"),
        ('min-confidence = "hi"', "must be one of low, medium, high"),
        ('profile = "lax"', "`profile`"),
        ('lock-types."a.B" = { failure = "perhaps" }', "failure"),
    ],
)
def test_values_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "locklint.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert message in str(caught.value)


def test_a_circle_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extend = "b.toml"')
    (tmp_path / "b.toml").write_text('extend = "a.toml"')
    with pytest.raises(SettingsError, match="circle"):
        load_file(tmp_path / "a.toml")


def test_a_file_by_name_has_to_hold_settings(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.ruff]\n")
    with pytest.raises(SettingsError, match=r"has no `\[tool.locklint\]` table"):
        load_file(path)
    with pytest.raises(SettingsError, match="does not exist"):
        load_file(tmp_path / "gone.toml")


def test_settings_beside_those_that_count_are_noted(tmp_path: Path) -> None:
    (tmp_path / ".locklint.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n# locklint\n")
    assert Settings(load_config(tmp_path)).notes == []
    (tmp_path / "pyproject.toml").write_text("[tool.locklint]\n")
    (tmp_path / "locklint.toml").write_text("not toml")
    (note,) = Settings(load_config(tmp_path)).notes
    assert note == (
        f"{tmp_path / 'pyproject.toml'}: ignored, because {tmp_path / '.locklint.toml'} is the"
        " settings file"
    )


def test_a_source_root_that_does_not_exist_is_noted(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    path = tmp_path / "locklint.toml"
    path.write_text('\nsource-roots = ["src", "scr"]\n')
    (note,) = Settings(load_file(path)).notes
    assert note == f"{path}:2:1: `source-roots`: the folder {tmp_path / 'scr'} does not exist"
    flag = replace(load_file(path).config, source_roots=(str(tmp_path / "srcs"),))
    (note,) = Settings(load_file(path), override=lambda _: flag).notes
    assert note == f"--config: `source-roots`: the folder {tmp_path / 'srcs'} does not exist"


def test_the_declared_order_as_pairs() -> None:
    config = Config(lock_order=("a.x < b.y", "b.y<c < d"))
    assert config.lock_order_pairs == (("a.x", "b.y"), ("b.y", "c"), ("c", "d"))
    assert order_pairs(" a <b ") == (("a", "b"),)


def test_the_profile_strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(select_rules(Config(profile="strict"), RULES)) == len(RULES)
    assert len(select_rules(Config(profile="strict", select=("LCK101",)), RULES)) == 2
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_a.py").write_text(LEAK)
    for profile, severity in (("default", Severity.WARNING), ("strict", Severity.ERROR)):
        config = Config(profile=profile)  # type: ignore[arg-type]
        (finding,) = check(["."], config).diagnostics
        assert (finding.code, finding.severity) == ("LCK102", severity)


def test_confidence_and_severity() -> None:
    place = Span(1, 1, 1, 2)
    finding = Diagnostic("LCK101", "x", Severity.INFO, Confidence.MEDIUM, "a", place, "m")
    none: frozenset[str] = frozenset()
    assert not is_shown(finding, Config(), none)
    assert is_shown(finding, Config(), frozenset({"LCK101"}))
    assert is_shown(finding, Config(profile="strict"), none)
    assert not is_shown(finding, Config(profile="strict", min_confidence=Confidence.HIGH), none)
    assert not is_shown(finding, Config(profile="strict", min_severity=Severity.WARNING), none)


def test_rules_in_preview_run_on_request() -> None:
    import msgspec

    rules = (*RULES[:-1], msgspec.structs.replace(RULES[-1], code="LCK777", preview=True))
    assert "LCK777" not in {r.code for r in select_rules(Config(select=("ALL",)), rules)}
    config = Config(select=("ALL",), preview=True)
    assert "LCK777" in {r.code for r in select_rules(config, rules)}


def test_settings_as_toml_can_be_read_back(tmp_path: Path) -> None:
    config = Config(
        select=("LCK1",),
        exclude=('a "b"',),
        per_file_ignores={"/x y/**": ("ALL",)},
        min_severity=Severity.ERROR,
        lock_types={"pkg.A": LockType(is_async=True, timeout_argument=None)},
        lock_order=("a < b",),
    )
    document = tomllib.loads(as_toml(config))
    assert document["select"] == ["LCK1"]
    assert document["min-severity"] == "error"
    assert document["per-file-ignores"] == {"/x y/**": ["ALL"]}
    assert document["lock-types"]["pkg.A"]["async"] is True
    path = tmp_path / "locklint.toml"
    path.write_text(as_toml(Config(select=("LCK1",), lock_order=("a < b",))))
    read = load_file(path).config
    assert (read.select, read.lock_order) == (("LCK1",), ("a < b",))


def test_the_schema_speaks_of_every_setting_and_has_no_null() -> None:
    schema = json_schema()
    keys = [row.key for row in settings_table()]
    assert list(schema["properties"]) == keys
    assert "lock-order" in keys
    assert schema["additionalProperties"] is False
    assert '"null"' not in json.dumps(schema)
    assert schema["definitions"]["Severity"]["enum"] == ["info", "warning", "error"]
    for row in settings_table():
        assert row.description.endswith(".")
        if row.example:
            (table,) = tomllib.loads(row.example)
            assert table == row.key


def test_the_documents_are_fresh() -> None:
    from locklint.cli.config import markdown

    schema = json.loads((DOCS / "schema" / "locklint.schema.json").read_text())
    assert schema == json_schema(), "see CONTRIBUTING.md: A new setting"
    page = (DOCS / "settings.md").read_text()
    assert page.endswith(f"\n{markdown(settings_table())}"), "see CONTRIBUTING.md: A new setting"


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("pyproject.toml", '[tool.ruff.lint]\nexternal = ["LCK"]\n', True),
        ("ruff.toml", 'lint.external = ["V", "LCK101"]\n', True),
        (".ruff.toml", 'external = ["L"]\n', True),
        ("pyproject.toml", '[tool.ruff.lint]\nexternal = ["V"]\n', False),
        ("pyproject.toml", "[tool.ruff]\n", False),
        ("ruff.toml", "[", False),
        ("ruff.toml", "lint = 3", False),
        ("other.toml", "", False),
    ],
)
def test_settings_of_ruff(tmp_path: Path, name: str, text: str, kept: bool) -> None:
    (tmp_path / name).write_text(text)
    assert keeps_foreign_codes(str(tmp_path)) is kept


def test_rules_of_any_folder_are_run(tree: Path) -> None:
    (tree / "old" / "locklint.toml").write_text('select = ["LCK210"]\n')
    settings = Settings(find_root(["."]), per_folder=True)
    selection = RuleSelection(settings, ALL_RULES)
    assert "LCK210" not in {rule.code for rule in selection.rules()}
    selection.prepare([os.path.join("old", "b.py")])
    assert "LCK210" in {rule.code for rule in selection.rules()}


def test_settings_reached_through_a_link(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tree / "locklint.toml").write_text('extend-exclude = ["old/deep/"]\n')
    link = tmp_path_factory.mktemp("links") / "tree"
    link.symlink_to(tree)
    loaded = load_file(link / "locklint.toml")
    report = check([str(link)], loaded.config)
    assert [os.path.relpath(each.path, link) for each in report.diagnostics] == ["a.py", "old/b.py"]
