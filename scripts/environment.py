"""The virtual environment in which this checkout's commands run: ``.venv`` beside this folder.

Uses the standard library alone, so that a machine with nothing but Python can start here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_VENV = ROOT / ".venv"
_BIN = _VENV / ("Scripts" if os.name == "nt" else "bin")
_OLDEST = (3, 11)


def prepare(*, tools: bool) -> Path:
    """Make the environment hold locklint, and the development tools if asked; give its programs.

    What is there already and fits is left as it is, so that a second run costs nothing. Ends the
    program with status 2 and a sentence where the environment cannot be made.
    """
    if sys.version_info < _OLDEST:
        _stop(f"locklint needs Python {_OLDEST[0]}.{_OLDEST[1]} or newer, this is {sys.version}")
    wanted = "tools" if tools else "package"
    key = _key()
    # An environment with the tools serves for the package alone too.
    if any(_stamp(name) == key for name in {wanted, "tools"}):
        return _BIN
    if _stamp("python") not in ("", _python()):
        shutil.rmtree(_VENV)  # Made by these commands, for another Python.
    print(f"preparing {_VENV} (only the first time)", file=sys.stderr)
    _run([sys.executable, "-m", "venv", str(_VENV)], "cannot make a virtual environment")
    _write_stamp("python", _python())
    package = f"{ROOT}[dev,docs]" if tools else str(ROOT)
    install = [str(_BIN / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    # Python compiles what is imported; to compile all of it takes longer than the rest.
    install += [
        "--quiet",
        "--no-compile",
        "--constraint",
        str(ROOT / "constraints.txt"),
        "--editable",
        package,
    ]
    _run(install, "cannot install locklint and what it needs")
    _write_stamp(wanted, key)
    return _BIN


def environment() -> dict[str, str]:
    """The variables for programs of the environment: this one's, without other Pythons' paths.

    Where Python is not to write bytecode beside the sources, it goes into the environment: else
    each process, of which the tests start hundreds, would compile all that it imports.
    """
    left_out = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept.setdefault("PYTHONPYCACHEPREFIX", str(_VENV / "bytecode"))
    return {**kept, "PATH": os.pathsep.join([str(_BIN), kept.get("PATH", os.defpath)])}


def _run(command: list[str], complaint: str) -> None:
    status = subprocess.call(command, env=environment(), stdout=sys.stderr)
    if status != 0:
        _stop(f"{complaint}: `{' '.join(command)}` ended with status {status}")


def _stop(message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(2)


def _key() -> str:
    """A digest of all that decides what is installed."""
    parts = [_python().encode(), str(ROOT).encode()]
    parts += [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _python() -> str:
    return f"{sys.implementation.name} {sys.version}"


def _stamp(name: str) -> str:
    path = _VENV / f".locklint-{name}"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _write_stamp(name: str, text: str) -> None:
    (_VENV / f".locklint-{name}").write_text(text, encoding="utf-8")
