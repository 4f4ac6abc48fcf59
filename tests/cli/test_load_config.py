"""Settings files: which one counts, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from locklint.core.config import Config, LockType
from locklint.core.diagnostic import Severity
from locklint.engine.load_config import SettingsError, load_config


def error_of(folder: Path, text: str, name: str = "locklint.toml") -> str:
    """The message about a settings file, without the path and the place in front."""
    path = folder / name
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_config(folder)
    message = str(caught.value)
    assert message.startswith(f"{path.resolve()}:")
    return re.sub(r"^(:\d+:\d+)?: ", "", message.removeprefix(f"{path.resolve()}"))


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("""
[tool.locklint]
select = ["LCK1"]
ignore = ["LCK101"]
extend-select = ["LCK210"]
extend-ignore = ["LCK105"]
exclude = ["a"]
extend-exclude = ["b"]
force-exclude = true
respect-gitignore = false
min-severity = "warning"
fail-level = "error"
source-roots = ["src"]
immediate-callers = ["pkg.each"]
[tool.locklint.lock-types."pkg.Latch"]
acquire = ["down"]
async = true
""")
    assert load_config(tmp_path).config == Config(
        select=("LCK1",),
        ignore=("LCK101",),
        extend_select=("LCK210",),
        extend_ignore=("LCK105",),
        exclude=("a",),
        extend_exclude=("b",),
        force_exclude=True,
        respect_gitignore=False,
        min_severity=Severity.WARNING,
        fail_level=Severity.ERROR,
        source_roots=(str(tmp_path / "src"),),
        immediate_callers=("pkg.each",),
        lock_types={"pkg.Latch": LockType(acquire=("down",), is_async=True)},
    )


def test_the_nearest_file_counts_alone(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "locklint.toml").write_text('select = ["LCK1"]\nforce-exclude = true\n')
    assert load_config(inner).path == (tmp_path / "locklint.toml").resolve()
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.locklint]\nignore = ["LCK2"]\n')
    assert load_config(inner).config == Config(ignore=("LCK2",))


def test_in_one_folder_the_most_special_file_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.locklint]\nselect = ["LCK3"]\n')
    (tmp_path / "locklint.toml").write_text('select = ["LCK2"]\n')
    assert load_config(tmp_path).config.select == ("LCK2",)
    (tmp_path / ".locklint.toml").write_text('select = ["LCK1"]\n')
    assert load_config(tmp_path).config.select == ("LCK1",)


@pytest.mark.parametrize(
    "text", ["", "[tool.ruff]\n", "not toml", '[project]\nname = "locklint"\n']
)
def test_a_pyproject_of_others_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text(text)
    (tmp_path / ".locklint.toml").write_text("\ufeffforce-exclude = true\n", encoding="utf-8")
    assert load_config(tmp_path / "a").config == Config(force_exclude=True)


def test_unknown_settings(tmp_path: Path) -> None:
    assert error_of(tmp_path, "selct = []") == "unknown setting `selct` (did you mean `select`?)"
    assert error_of(tmp_path, "extend_select = []") == (
        "unknown setting `extend_select` (did you mean `extend-select`?)"
    )
    assert error_of(tmp_path, "zzz = 1") == "unknown setting `zzz`"
    assert error_of(tmp_path, '[lock-types."a.B"]\nreentrent = true') == (
        'unknown setting `lock-types."a.B".reentrent` (did you mean `reentrant`?)'
    )


@pytest.mark.parametrize("name", ["locklint.toml", ".locklint.toml"])
def test_a_file_of_its_own_has_no_header(tmp_path: Path, name: str) -> None:
    for header in ("tool.locklint", "locklint"):
        path = tmp_path / name
        path.write_text(f"\n[{header}]\nselect = ['LCK1']\n")
        with pytest.raises(SettingsError) as caught:
            load_config(tmp_path)
        column = 1 + header.index("locklint") + 1
        assert str(caught.value) == (
            f"{path}:2:{column}: `[{header}]` belongs in a pyproject.toml: here, write the settings"
            " without this header"
        )


@pytest.mark.parametrize("name", ["blocklint", "lock", "locks", "pylint", "lockfile", "llint"])
def test_a_table_of_another_tool_is_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.{name}]\nselect = 1\n")
    assert load_config(tmp_path).path is None


@pytest.mark.parametrize(
    "header",
    ["locklint", "tool.lock-lint", "tool.LockLint", "lock_lint", "tool.loklint", "tool.lock-lnit"],
)
def test_another_table_of_a_pyproject_has_no_effect(tmp_path: Path, header: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[project]\n[{header}]\nselect = ['LCK1']\n")
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    place, _, message = str(caught.value).removeprefix(f"{path}:").partition(": ")
    assert place.startswith("2:")
    assert message == f"`[{header}]` has no effect: write `[tool.locklint]`"
    path.write_text(f"[{header}]\n[tool.locklint]\nselect = ['LCK1']\n")
    assert load_config(tmp_path).config == Config(select=("LCK1",))


def test_a_table_as_in_other_tools(tmp_path: Path) -> None:
    assert error_of(tmp_path, "[lint]\nselect = []") == (
        "unknown setting `lint`: write its settings in the table of locklint itself"
    )
    assert error_of(tmp_path, 'src = ["."]') == (
        "unknown setting `src` (did you mean `source-roots`?)"
    )


def test_wrong_values(tmp_path: Path) -> None:
    assert error_of(tmp_path, 'select = "LCK1"') == (
        '`select`: expected a list, got a string, as in `select = ["LCK1", "acquire-not-called"]`'
    )
    assert error_of(tmp_path, 'per-file-ignores = ["tests/*:LCK1"]') == (
        "`per-file-ignores`: expected a table, got a list,"
        ' as in `per-file-ignores = { "tests/**" = ["LCK1"] }`'
    )
    assert re.fullmatch(
        r"`ignore\[.+\]`: expected a string, got a number", error_of(tmp_path, "ignore = [1]")
    )
    assert error_of(tmp_path, 'min-severity = "warn"') == (
        "`min-severity` must be one of info, warning, error, not 'warn' (did you mean `warning`?)"
    )
    assert error_of(tmp_path, "fail-level = 2") == (
        "`fail-level` must be one of info, warning, error, not 2"
    )
    assert error_of(tmp_path, "preview = 3") == "`preview`: expected true or false, got a number"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[tool.locklint]\nignore = []\nselct = []", ":3:1: unknown setting"),
        ("[tool.locklint]\n\nselect = 'LCK1'", ":3:1: `select`"),
        ('[tool.locklint]\n[tool.locklint.lock-types."a.B"]\n x = 1', ":3:2: unknown setting"),
        ("[tool.locklint]\nlock-order = [\n 'a < b',\n 'b < a',\n]", ":4:3: `lock-order`"),
        ("[tool.locklint]\nfail-level = 'eror'", ":2:1: `fail-level`"),
        ("[tool.locklint]\nextend = 'gone.toml'", ":2:1: `extend`"),
        ("[tool.locklint]\nselect = [\n'LCK1' 'LCK2'", ":3:8: is not valid TOML: Unclosed array"),
        ("[tool]\nlocklint = 1", ":2:1: `tool.locklint` is not a table"),
    ],
)
def test_errors_name_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert str(caught.value).startswith(f"{path}{place}")


def test_files_that_are_no_settings(tmp_path: Path) -> None:
    assert error_of(tmp_path, "select = [").startswith("is not valid TOML: ")
    (tmp_path / "locklint.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load_config(tmp_path)
    (tmp_path / "locklint.toml").unlink()
    assert error_of(tmp_path, "tool.locklint = 1", "pyproject.toml") == (
        "`tool.locklint` is not a table"
    )


@pytest.mark.parametrize("address", ["docs.example.com/{code}", "https://docs.example.com/"])
def test_an_address_of_pages_names_the_rule(tmp_path: Path, address: str) -> None:
    message = error_of(tmp_path, f'docs-url = "{address}"')
    assert message == "`docs-url`: expected an address with `{code}` or `{name}` in it"
