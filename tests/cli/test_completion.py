"""Completion as Bash asks for it, with the script that the documentation names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

SCRIPT = r"""
eval "$(_LOCKLINT_COMPLETE=bash_source locklint)"
compopt() { echo -n "[paths] "; }
while IFS= read -r line; do
  IFS="|" read -r -a COMP_WORDS <<< "$line"
  [[ "$line" != *"|" ]] || COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _locklint_completion locklint
  echo "${COMPREPLY[*]}"
done
"""

CASES = {
    "locklint|ch": "[paths] check",
    "locklint|src/po": "[paths] ",
    "locklint|--sel": "--select",
    "locklint|check|src/po": "[paths] ",
    "locklint|check|--output-f": "--output-format --output-file",
    "locklint|check|--output-format|json": "json json-lines",
    "locklint|check|--select|LCK101,lck90": "LCK101,LCK901 LCK101,LCK902 LCK101,LCK903",
    "locklint|rule|unreleased": "unreleased-on-exception unreleased-on-path",
    "locklint|config|lock": "lock-types lock-order",
    "locklint|rule|--output-format|": "text json markdown",
}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_what_could_be_meant() -> None:
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", SCRIPT],
        input="".join(f"{line}\n" for line in CASES),
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=False,
    )
    assert result.stderr == ""
    assert dict(zip(CASES, result.stdout.splitlines(), strict=True)) == CASES
