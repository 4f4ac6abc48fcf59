"""The graded "may raise", and what ends the process or calls back at once."""

from __future__ import annotations

import builtins
import importlib

import pytest

from locklint.models import calls, graded_names, plain_values
from locklint.models.grades import CallGrade, method_grade, name_grade


@pytest.mark.parametrize(
    ("dotted", "grade"),
    [
        ("time.monotonic", CallGrade.NEVER),
        ("threading.get_ident", CallGrade.NEVER),
        ("os.getpid", CallGrade.NEVER),
        ("len", CallGrade.UNLIKELY),
        ("builtins.isinstance", CallGrade.UNLIKELY),
        ("logging.info", CallGrade.UNLIKELY),
        ("logging.Logger.exception", CallGrade.UNLIKELY),
        ("threading.Event.set", CallGrade.UNLIKELY),
        ("builtins.dict.update", CallGrade.UNLIKELY),
        ("collections.deque.append", CallGrade.UNLIKELY),
        ("builtins.dict.pop", CallGrade.LIKELY),
        ("builtins.open", CallGrade.LIKELY),
        ("open", CallGrade.LIKELY),
        ("int", CallGrade.LIKELY),
        ("next", CallGrade.LIKELY),
        ("os.remove", CallGrade.LIKELY),
        ("shutil.copy", CallGrade.LIKELY),
        ("os.replace", CallGrade.LIKELY),
        ("logging.basicConfig", CallGrade.UNKNOWN),
        ("anything.at.all", CallGrade.UNKNOWN),
        ("requests.get", CallGrade.LIKELY),
        ("tarfile.TarFile.add", CallGrade.LIKELY),
        ("datetime.datetime.now", CallGrade.UNLIKELY),
        ("datetime.datetime.strptime", CallGrade.UNKNOWN),
        ("uuid.uuid3", CallGrade.UNLIKELY),
        ("uuid.UUID", CallGrade.UNKNOWN),
        ("os.path.getsize", CallGrade.LIKELY),
    ],
)
def test_grades_of_names(dotted: str, grade: CallGrade) -> None:
    assert name_grade(dotted) is grade


@pytest.mark.parametrize(
    ("method", "receiver", "grade"),
    [
        ("append", "", CallGrade.UNLIKELY),
        ("notify_all", "", CallGrade.UNLIKELY),
        ("error", "log", CallGrade.UNLIKELY),
        ("error", "", CallGrade.UNKNOWN),
        ("_on_error", "", CallGrade.LIKELY),
        ("error_handler", "", CallGrade.LIKELY),
        ("pop", "", CallGrade.LIKELY),
        ("remove", "", CallGrade.POSSIBLE),
        ("send", "", CallGrade.LIKELY),
        ("write", "", CallGrade.LIKELY),
    ],
)
def test_grades_of_methods(method: str, receiver: str, grade: CallGrade) -> None:
    assert method_grade(method, receiver) is grade


def test_what_ends_the_process() -> None:
    assert calls.ends_process("os._exit")
    assert calls.ends_process("sys.exit")
    assert calls.ends_process("exit")
    assert calls.ends_process("os.execv")
    assert not calls.ends_process("threading.exit")
    assert calls.ends_by_raising("sys.exit")
    assert not calls.ends_by_raising("os._exit")


def test_what_calls_back_at_once() -> None:
    assert calls.calls_at_once("sorted")
    assert calls.calls_at_once("functools.reduce")
    assert not calls.calls_at_once("map")
    assert not calls.calls_at_once("builtins.filter")


def _exists(dotted: str) -> bool:
    module, _, rest = dotted.partition(".")
    value: object = builtins if module == "builtins" else importlib.import_module(module)
    for name in rest.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            module = f"{module}.{name}"
            try:
                value = importlib.import_module(module)
            except ImportError:
                return False
    return True


# Made by the site module at start-up, instance methods behind a factory function, or of Windows.
_NOT_IMPORTABLE = (
    "builtins.exit",
    "builtins.quit",
    "site.",
    "multiprocessing.Condition.",
    "ctypes.OleDLL",
    "ctypes.WinDLL",
)

_NAMES = (
    graded_names.NEVER
    | graded_names.UNLIKELY
    | calls._ENDS_PROCESS
    | calls.IMMEDIATE_CALLERS
    | {
        f"{module}.{name}"
        for module, names in graded_names.CALCULATING_MODULES.items()
        for name in names
    }
    | {
        f"{module}.{name}"
        for module, names in plain_values._ALWAYS_OF_MODULES.items()
        for name in names.split()
    }
)


@pytest.mark.parametrize(
    "dotted", sorted(name for name in _NAMES if not name.startswith(_NOT_IMPORTABLE))
)
def test_the_names_exist(dotted: str) -> None:
    assert _exists(dotted)
