"""Baselines: what a finding is known by, how the file shrinks, and that git can merge it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from locklint.core.config import Config
from locklint.core.diagnostic import Diagnostic
from locklint.engine.baseline import Baseline
from locklint.engine.load_config import SettingsError
from locklint.engine.pipeline import check

PORT = """\
import threading


class Port:
    def __init__(self, serial):
        self._lock = threading.Lock()
        self.serial = serial

    def send(self, data):
        self._lock.acquire(timeout=self.serial.wait)
        self.serial.write(data, 'now')
        self._lock.release()
"""


def findings(*paths: str) -> tuple[Diagnostic, ...]:
    """What is found under some paths."""
    return check(paths or (".",), Config()).diagnostics


def identities(*paths: str) -> list[str]:
    """The fingerprints of what is found, without their order."""
    return sorted(each.fingerprint for each in findings(*paths))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one faulty module, to which the process has changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    (tmp_path / "app" / "port.py").write_text(PORT)
    return tmp_path


def moved(text: str) -> str:
    return '"""A new docstring."""\n\nimport os\n' + text.replace("class", "x = 1\n\n\nclass")


def reformatted(text: str) -> str:
    long = "self._lock.acquire(\n            timeout=self.serial.wait,  # not for ever\n        )"
    text = text.replace("self._lock.acquire(timeout=self.serial.wait)", long)
    return text.replace("'now'", '"now"').replace("    ", "  ")


@pytest.mark.parametrize("change", [moved, reformatted])
def test_an_identity_survives_moved_lines_and_reformatting(
    project: Path, change: Callable[[str], str]
) -> None:
    before = identities()
    assert before
    path = project / "app" / "port.py"
    assert change(PORT) != PORT
    path.write_text(change(PORT))
    assert identities() == before


@pytest.mark.parametrize("name", ["app/link.py", "app/lines/port.py", "link.py"])
def test_an_identity_survives_the_renaming_of_its_file(project: Path, name: str) -> None:
    before = identities()
    (project / "app" / "lines").mkdir()
    (project / "app" / "lines" / "__init__.py").write_text("")
    (project / "app" / "port.py").rename(project / name)
    assert findings()[0].path == name
    assert identities() == before


def test_module_code_survives_the_renaming_of_its_file(project: Path) -> None:
    path = project / "app" / "setup.py"
    path.write_text("import threading\nlock = threading.Lock()\nlock.acquire\n")
    before = identities("app/setup.py")
    assert len(before) == 1
    path.rename(project / "prepare.py")
    assert identities("prepare.py") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def send", "def post"),
        ("class Port", "class Link"),
        ("self._lock", "self._other"),
        ("timeout=self.serial.wait", "timeout=3"),
    ],
)
def test_another_function_lock_or_text_is_another_finding(
    project: Path, old: str, new: str
) -> None:
    before = identities()
    (project / "app" / "port.py").write_text(PORT.replace(old, new))
    assert set(identities()).isdisjoint(before)


def everything(path: str) -> bool:
    """Say of each path that it was analysed."""
    return True


def test_a_baseline_knows_what_it_has_written(project: Path) -> None:
    found = findings()
    baseline = Baseline(str(project / "known.txt")).renewed(found, everything)
    baseline.write()
    lines = (project / "known.txt").read_text().splitlines()
    entries = [line for line in lines if not line.startswith("#")]
    assert entries == sorted(entries)
    assert len(entries) == len(found)
    assert entries[0].startswith("app/port.py\tLCK")
    assert ":10" not in entries[0]
    judged = Baseline.read("known.txt").judge(found, everything)
    assert (judged.new, judged.known, judged.stale) == ((), found, ())


def test_an_entry_follows_its_finding_to_a_renamed_file(project: Path) -> None:
    baseline = Baseline(str(project / "known.txt")).renewed(findings(), everything)
    (project / "app" / "port.py").rename(project / "app" / "link.py")
    judged = baseline.judge(findings(), everything)
    assert (judged.new, judged.stale) == ((), ())
    assert {entry.path for entry in judged.current} == {"app/link.py"}


def test_a_copy_of_a_known_fault_is_new(project: Path) -> None:
    baseline = Baseline(str(project / "known.txt")).renewed(findings(), everything)
    (project / "app" / "copy.py").write_text(PORT)
    judged = baseline.judge(findings(), everything)
    assert {each.path for each in judged.new} == {"app/copy.py"}


TWICE = """\
        with lock:
            pass
        lock.release()
"""
DOUBLE = f"""\
import threading

lock = threading.Lock()


def leave(way):
    if way == 1:
{TWICE}"""
ONE_MORE = f"    if way == 2:\n{TWICE}"


@pytest.mark.parametrize(
    ("more", "count"),
    [
        (ONE_MORE, 1),
        (ONE_MORE + ONE_MORE.replace("2", "3"), 2),
        (ONE_MORE.replace("with lock", "if lock.locked()"), 0),  # It may be held.
    ],
)
def test_one_more_of_a_known_finding_is_new(project: Path, more: str, count: int) -> None:
    module = project / "app" / "port.py"
    module.write_text(DOUBLE)
    baseline = Baseline(str(project / "known.txt")).renewed(findings(), everything)
    baseline.write()
    module.write_text(DOUBLE + more)
    found = findings()
    judged = Baseline.read("known.txt").judge(found, everything)
    assert (len(judged.new), len(judged.known)) == (count, len(found) - count)
    assert (judged.stale, judged.current) == ((), baseline.entries)


def test_equal_findings_have_a_line_each_and_disappear_one_by_one(project: Path) -> None:
    module = project / "app" / "port.py"
    module.write_text(DOUBLE + ONE_MORE)
    Baseline(str(project / "known.txt")).renewed(findings(), everything).write()
    baseline = Baseline.read("known.txt")
    assert len(baseline.entries) == 2
    assert baseline.entries[0] == baseline.entries[1]
    module.write_text(DOUBLE)
    judged = baseline.judge(findings(), everything)
    assert (judged.new, judged.stale) == ((), baseline.entries[:1])
    assert judged.current == baseline.entries[:1]
    # What a narrowed run writes adds to what is known, and does not count it twice.
    assert baseline.renewed(findings(), lambda path: False).entries == baseline.entries


def test_each_entry_follows_one_finding_to_another_file(project: Path) -> None:
    module = project / "app" / "port.py"
    module.write_text(DOUBLE)
    baseline = Baseline(str(project / "known.txt")).renewed(findings(), everything)
    module.rename(project / "app" / "link.py")
    (project / "app" / "copy.py").write_text(DOUBLE)
    judged = baseline.judge(findings(), everything)
    assert (len(judged.new), len(judged.known), judged.stale) == (1, 1, ())


def test_a_baseline_that_does_not_count_is_still_read(project: Path) -> None:
    (project / "app" / "port.py").write_text(DOUBLE + ONE_MORE)
    found = findings()
    entry = Baseline(str(project / "known.txt")).entry(found[0])
    head = "# Findings that locklint knows and does not report; `locklint baseline` writes this"
    (project / "known.txt").write_text(f"{head} file.\n{entry}\n")
    judged = Baseline.read("known.txt").judge(found, everything)
    assert (judged.new, judged.known) == (found[1:], found[:1])


def test_findings_that_are_gone_are_stale_only_where_the_run_has_looked(project: Path) -> None:
    baseline = Baseline(str(project / "known.txt")).renewed(findings(), everything)
    judged = baseline.judge((), everything)
    assert judged.stale == baseline.entries
    assert judged.current == ()
    elsewhere = baseline.judge((), lambda path: not path.endswith("port.py"))
    assert elsewhere.stale == ()
    assert elsewhere.current == baseline.entries
    assert baseline.renewed((), lambda path: False).entries == baseline.entries
    (project / "app" / "port.py").unlink()
    assert baseline.judge((), lambda path: False).stale == baseline.entries


def test_files_that_do_not_parse_are_never_known(project: Path) -> None:
    (project / "app" / "port.py").write_text("import threading\nlock = threading.Lock(\n")
    found = findings()
    assert [each.code for each in found] == ["LCK901"]
    baseline = Baseline(str(project / "known.txt")).renewed(found, everything)
    assert baseline.entries == ()
    assert baseline.judge(found, everything).new == found


def test_a_cycle_is_the_same_wherever_it_begins() -> None:
    import msgspec

    from locklint.reporting.fingerprint import identity
    from tests.reporting.canned import leak

    def of(*locks: str) -> str:
        return identity(msgspec.structs.replace(leak(), locks=locks), None, ())

    assert of("a", "b", "c") == of("b", "c", "a") == of("c", "a", "b")
    assert of("a", "b", "c") != of("a", "c", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<<<<<< HEAD\n", "known.txt:1: conflict marker of git"),
        ("# head\n\nwhat\n", "known.txt:3: not a line of a baseline"),
        ("a\tb\tc\td\te\n", "known.txt:1: not a line of a baseline"),
    ],
)
def test_what_is_no_baseline(project: Path, text: str, message: str) -> None:
    (project / "known.txt").write_text(text)
    with pytest.raises(SettingsError, match=message):
        Baseline.read("known.txt")


def test_no_baseline_at_all(project: Path) -> None:
    with pytest.raises(SettingsError, match="the baseline does not exist"):
        Baseline.read("known.txt")
    (project / "known.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Baseline.read("known.txt")


def git(*words: str) -> str:
    """Run git in the current folder."""
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_git_merges_two_versions(project: Path) -> None:
    for name in ("alpha", "mike", "zulu"):
        (project / "app" / f"{name}.py").write_text(PORT)

    def renew() -> None:
        Baseline(str(project / "known.txt")).renewed(findings(), everything).write()

    renew()
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    (project / "app" / "bravo.py").write_text(PORT)
    renew()
    git("add", "-A")
    git("commit", "-qm", "bravo")
    git("checkout", "-q", "main")
    (project / "app" / "zulu.py").unlink()
    renew()
    git("add", "-A")
    git("commit", "-qm", "no zulu")
    git("merge", "-q", "other", "-m", "both")
    judged = Baseline.read("known.txt").judge(findings(), everything)
    assert (judged.new, judged.stale) == ((), ())
