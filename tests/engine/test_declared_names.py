"""Names in settings that nothing has, and where in a file a setting is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from locklint.cli import main
from locklint.engine.toml_places import find_place

Run = Callable[..., SimpleNamespace]

SYNC = """\
class Base:
    def close(self): ...


class Latch(Base):
    def down(self): ...
    def up(self): ...


def each(do):
    do()
"""
BANK = """\
import threading

from bank import Latch

audit = threading.Lock()
unused = threading.Lock()


class Account:
    def __init__(self):
        self._lock = threading.Lock()

    def move(self):
        with self._lock, audit:
            pass


def hold():
    latch = Latch()
    latch.down()
    latch.up()
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line in a project whose package is src/bank, beside which tests/ stands."""
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("src/bank/__init__.py", "from bank.sync import Latch\n"),
        ("src/bank/sync.py", SYNC),
        ("src/bank/money.py", BANK),
        ("tests/test_money.py", "import threading\n\nlock = threading.Lock()\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def call(settings: str, *words: str, verb: str = "check") -> SimpleNamespace:
        (tmp_path / "locklint.toml").write_text(settings)
        form = ("--output-format", "concise") if verb == "check" else ()
        status = main([verb, *form, *words])
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    return call


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            'lock-order = ["Account._lock < audti"]',
            "locklint.toml:1:32: `lock-order`: no lock is named `audti` (did you mean `audit`?)",
        ),
        (
            'lock-order = ["bank.money.audit < bank.money.Acount._lock"]',
            "no lock is named `bank.money.Acount._lock` (did you mean `bank.money.Account._lock`?)",
        ),
        (
            'lock-order = [\n  "zzz < audit",\n]',
            "locklint.toml:2:4: `lock-order`: no lock is named `zzz`; there are `_lock`, `audit`",
        ),
        (
            '[lock-types."bank.sync.Lach"]',
            "locklint.toml:1:14: `lock-types`: there is no `bank.sync.Lach`"
            " (did you mean `bank.sync.Latch`?)",
        ),
        ('lock-types."bank.snyc.Latch".acquire = ["down"]', "there is no `bank.snyc.Latch`"),
        ('[lock-types."bank.sync"]', "there is no `bank.sync`"),
        ('immediate-callers = ["bank.sync.eahc"]', "(did you mean `bank.sync.each`?)"),
        ('immediate-callers = ["bank.sync.Latch.clos"]', "there is no `bank.sync.Latch.clos`"),
    ],
)
def test_a_name_that_nothing_has_is_an_error(run: Run, settings: str, message: str) -> None:
    result = run(settings)
    assert (result.status, message in result.err) == (2, True), result.err
    assert run(settings, "--exit-zero").status == 2
    assert "Analysed" in result.out
    for words in ((), ("-q",)):
        graph = run(settings, *words, verb="graph")
        assert (graph.status, message in graph.err) == (2, True), graph.err
    assert "bank.money.Account._lock" in graph.out


@pytest.mark.parametrize(
    "settings",
    [
        'lock-order = ["audit < unused", "bank.money.Account._lock < money.audit"]',
        'lock-order = ["audit < logging._lock"]',
        'lock-types."bank.Latch" = {}\nlock-types."bank.sync.Latch" = {}',
        'lock-types."other.Latch" = {}\nlock-types."queue.Latch" = {}',
        'immediate-callers = ["bank.sync.each", "bank.sync.Latch.close", "tenacity.retry"]',
    ],
)
def test_names_that_exist_or_are_those_of_others(run: Run, settings: str) -> None:
    result = run(settings)
    assert "error" not in result.err
    assert result.status == 0
    graph = run(settings, verb="graph")
    assert (graph.status, graph.err) == (0, "")


def test_a_name_that_begins_like_none_of_the_project_may_be_misspelt(run: Run) -> None:
    result = run('lock-types."bnk.sync.Latch" = {}')
    assert result.err.endswith("there is no `bnk.sync.Latch` (did you mean `bank.sync.Latch`?)\n")
    assert result.status == 0


def test_the_only_lock_is_offered(run: Run) -> None:
    text = "import threading\n\nonly = threading.Lock()\n\nwith only:\n    print()\n"
    Path("src/bank/money.py").write_text(text)
    error = run('lock-order = ["zzz < only"]').err
    assert error.endswith("no lock is named `zzz`; there is `only`\n")


def test_a_name_may_be_made_at_run_time(run: Run) -> None:
    Path("src/bank/sync.py").write_text(SYNC + "\n\ndef __getattr__(name): ...\n")
    assert run('lock-types."bank.sync.Other" = {}').status == 0
    Path("src/bank/sync.py").write_text("from elsewhere import *\n" + SYNC)
    assert run('lock-types."bank.sync.Other" = {}').status == 0


def test_a_part_of_the_project_may_not_know_a_name(run: Run) -> None:
    for settings in ('lock-order = ["lock < audit"]', 'lock-order = ["mistyped < audit"]'):
        assert run(settings, "src/bank").status == 0
        assert run(settings, "src/bank/money.py").status == 0
        verbose = run(settings, "-v", "src")
        assert verbose.status == 0
        assert "not all of the project was analysed" in verbose.err
    assert run('lock-order = ["mistyped < audit"]').status == 2
    assert run('lock-order = ["lock < audit"]').status == 0
    # Of a package that was analysed as a whole all names are known.
    misspelt = 'lock-order = ["bank.money.audti < audit"]'
    assert run(misspelt, "src").status == 2
    assert run(misspelt, "src/bank").status == 2
    assert run(misspelt, "tests").status == 0
    assert run(misspelt, "src", verb="graph").status == 2
    assert run(misspelt, "tests", verb="graph").status == 0
    assert run(misspelt, "src/bank/sync.py").status == 0
    assert run(misspelt, "--report-only-for", "src/bank/sync.py").status == 2
    # A module that was analysed has the names that it has.
    assert run(misspelt, "src/bank/money.py").status == 2


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ('lock-order = ["Account._lock < audti"]', "audit"),
        ('lock-order = ["Acount._lock < audit"]', "Account._lock"),
        ('lock-order = ["bnak.money.audit < unused"]', "bank.money.audit"),
        ('lock-order = ["bank.money.Account.lock < audit"]', "bank.money.Account._lock"),
        ('lock-order = ["bank.mo_ney.audit < unused"]', "bank.money.audit"),
        ('lock-types."bnk.sync.Latch" = {}', "bank.sync.Latch"),
        ('immediate-callers = ["bank.sync.Latch.donw"]', "bank.sync.Latch.down"),
        ('lock-types."bank.sycn.Latch" = {}', "bank.sync.Latch"),
    ],
)
def test_a_slip_is_told_though_a_part_of_the_project_was_analysed(
    run: Run, settings: str, meant: str
) -> None:
    files = ("src/bank/money.py", "src/bank/sync.py")
    note = f"(did you mean `{meant}`?); not all of the project was analysed\n"
    result = run(settings, *files)
    assert (result.status, note in result.err) == (0, True), result.err
    assert result.err.startswith("note: ")
    assert "locklint.toml:1:" in result.err
    assert run(settings, *files, "-q").err == ""
    assert note in run(settings, *files, verb="graph").err


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ('lock-order = ["bank.money.zzz < audit"]', 2),
        ('lock-order = ["bank.money.Bill._lock < audit"]', 2),
        # Other code may set an attribute of a class.
        ('lock-order = ["bank.money.Account.zzz < audit"]', 0),
        ('lock-types."bank.sync.Semaphore" = {}', 2),
    ],
)
def test_an_analysed_module_has_no_other_names(run: Run, settings: str, status: int) -> None:
    files = ("src/bank/money.py", "src/bank/sync.py")
    result = run(settings, *files)
    level = "error" if status else "note"
    assert (result.status, result.err.startswith(f"{level}: ")) == (status, True), result.err


@pytest.mark.parametrize(
    "settings",
    [
        # Another module may have these, though something like them was analysed.
        'lock-order = ["zzz < audit"]',
        'lock-order = ["lock < audit", "bank.teller.audit < audit"]',
        'lock-order = ["bank.money.audit < bank.other.audits"]',
        'lock-order = ["audit < audits"]',
        'lock-order = ["audit2 < unused", "Pipe._rlock < unused"]',
        'lock-types."bank.teller.Latch" = {}\nlock-types."batch.sync.Latch" = {}',
        'lock-types."bank.sync.Latch" = {}\nlock-types."bank.sync2.Latch" = {}',
    ],
)
def test_a_part_of_the_project_makes_no_noise(run: Run, settings: str) -> None:
    Path("src/bank/pipe.py").write_text(
        "import threading\n\n\nclass Pipe:\n    _wlock = threading.Lock()\n\n"
        "    def write(self):\n        with self._wlock:\n            pass\n"
    )
    files = [f"src/bank/{name}.py" for name in ("money", "sync", "pipe")]
    result = run(settings, *files)
    assert (result.status, result.err) == (0, "")


def test_a_package_in_a_part_of_a_repository_may_have_a_namesake(run: Run) -> None:
    for part in ("one", "other"):
        Path(part, "common").mkdir(parents=True)
        Path(part, "common", "__init__.py").write_text("")
    Path("other/common/locks.py").write_text("import threading\nfirst = threading.Lock()\n")
    Path("one/common/locks.py").write_text("import threading\nsecond = threading.Lock()\n")
    settings = 'lock-order = ["common.locks.first < audit"]'
    assert run(settings, "one").status == 0
    assert run(settings).status == 0
    assert run(f'source-roots = ["one"]\n{settings}', "one").status == 2


def test_a_remembered_report_knows_them_too(run: Run) -> None:
    first = run('lock-order = ["mistyped < audit"]', "--cache-dir", ".cache")
    again = run('lock-order = ["mistyped < audit"]', "--cache-dir", ".cache")
    assert (again.status, again.err) == (2, first.err)


def test_nothing_is_certain_where_a_file_is_broken(run: Run) -> None:
    Path("src/bank/more.py").write_text("lock = threading.Lock(\n")
    result = run('lock-order = ["mistyped < audit"]')
    assert (result.status, "mistyped" in result.err) == (1, False)
    result = run('lock-order = ["audti < Account._lock"]')
    assert (result.status, "did you mean `audit`?" in result.err) == (1, True)


def test_a_file_that_others_extend_may_name_what_only_some_have(run: Run) -> None:
    Path("shared.toml").write_text('lock-order = ["one < other"]\nlock-types."bank.Gone" = {}\n')
    assert run('extend = "shared.toml"').status == 0
    settings = 'extend = "shared.toml"\nlock-types."bank.Lost" = {}'
    assert "`bank.Lost`" in run(settings).err
    flag = run("", "--config", 'lock-order = ["one < other"]')
    assert (flag.status, "error: --config: `lock-order`: no lock" in flag.err) == (2, True)


def test_a_lock_type_counts_under_the_name_of_its_re_export(run: Run) -> None:
    Path("src/bank/more.py").write_text(
        "from bank.sync import Latch\n\nlatch = Latch()\n\n\ndef hold(x):\n"
        "    latch.down()\n    x.go()\n    latch.up()\n"
    )
    settings = '[lock-types."bank.Latch"]\nacquire = ["down"]\nrelease = ["up"]'
    assert "src/bank/more.py:7:5: LCK102" in run(settings).out


DOCUMENT = """\
# select = []
[tool.other]
select = 1

[tool.locklint]
select = [
    # "LCK10",
    "LCK1", 'LCK2',
]
min-severity="x"
profile = '''
ignore = 1'''
lock-types."a.B" = { acquire = ["x"], reentrent = true }

[tool.locklint.lock-types."a.C"]
  acquires = []

[[tool.locklint.odd]]
here = 1
"""


@pytest.mark.parametrize(
    ("keys", "word", "place"),
    [
        (("select",), "", (6, 1)),
        (("select",), "LCK1", (8, 6)),
        (("select",), "LCK3", None),
        (("min-severity",), "", (10, 1)),
        (("ignore",), "", None),
        (("lock-types", "a.B"), "", (13, 13)),
        (("lock-types", "a.B", "reentrent"), "", (13, 39)),
        (("lock-types", "a.C"), "", (15, 28)),
        (("lock-types", "a.C", "acquires"), "", (16, 3)),
        (("lock-types",), "", (13, 1)),
        (("odd",), "", (18, 17)),
    ],
)
def test_places_in_toml(keys: tuple[str, ...], word: str, place: tuple[int, int] | None) -> None:
    assert find_place(DOCUMENT, ("tool", "locklint", *keys), word) == place
