"""The comparison of two results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locklint.engine.compare import (
    Finding,
    Location,
    as_json,
    as_markdown,
    as_text,
    compare,
    read_findings,
)
from locklint.engine.load_config import SettingsError


def finding(fingerprint: str, filename: str = "/w/src/a.py", row: int = 3) -> Finding:
    """A finding of which only identity and place matter."""
    return Finding(
        "LCK102", "leak", "`a|b` <stays>", "error", filename, Location(row, 5), fingerprint
    )


def test_introduced_fixed_and_kept() -> None:
    old = (finding("1"), finding("2", row=9))
    new = (finding("2", row=1), finding("3"))
    result = compare(old, new)
    assert result.introduced == (new[1],)
    assert result.fixed == (old[0],)
    assert result.kept == (new[0],)


def test_copies_are_told_apart_by_their_paths() -> None:
    old = (finding("1", "/ci/w/src/a.py"), finding("1", "/ci/w/src/b.py"))
    new = (finding("1", "/home/src/c.py"), finding("1", "/home/src/b.py"))
    result = compare(old, new)
    assert result.kept == new
    more = (*new, finding("1", "/home/src/d.py"))
    assert len(compare(old, more).introduced) == 1
    assert compare(old, new[1:]).fixed == (old[0],)


def test_equal_findings_are_counted() -> None:
    one, two = (finding("1"),), (finding("1"), finding("1", row=4))
    assert compare(one, two).introduced == two[1:]
    assert compare(two, one).fixed == two[1:]
    assert compare(two, two).kept == two


def test_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside = str(tmp_path / "src" / "a.py")
    result = compare((finding("1", inside),), (finding("2", inside),))
    assert as_text(result) == (
        "+ src/a.py:3:5: LCK102 `a|b` <stays>\n"
        "- src/a.py:3:5: LCK102 `a|b` <stays>\n"
        "1 introduced, 1 fixed, 0 kept.\n"
    )
    text = as_markdown(result)
    assert text.startswith("### locklint: 1 introduced, 1 fixed, 0 kept\n")
    assert "| error | LCK102 leak | `src/a.py:3` | `a\\|b` &lt;stays> |" in text
    assert "<summary>Fixed (1)</summary>\n\n|" in text
    assert "No new findings." in as_markdown(compare((), ()))
    assert [len(part) for part in json.loads(as_json(result)).values()] == [1, 1, 0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"diagnostics": [{"code": 1}]}', "\x00", "{"])
def test_files_that_are_no_results(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(
        SettingsError, match="is not a result of `locklint check --output-format json`"
    ):
        read_findings(str(path))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_findings(str(tmp_path / "gone.json"))
