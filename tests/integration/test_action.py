"""The steps of the GitHub action, run as its runner would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEAK = """\
import threading

lock = threading.Lock()


def send(port):
    lock.acquire()
    port.write()
    lock.release()
"""


def steps() -> list[tuple[dict[str, str], str]]:
    """The environment and the script of each step of action.yml."""
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load((ROOT / "action.yml").read_text(encoding="utf-8"))
    defaults = {name: str(each["default"]) for name, each in document["inputs"].items()}
    assert set(defaults) >= {"args", "src", "version", "sarif-file", "baseline-ref", "fail-on"}
    found = []
    for step in document["runs"]["steps"]:
        assert step["shell"] == "bash"
        variables = {
            name: re.sub(r"^\$\{\{ inputs\.(.*) \}\}$", lambda match: defaults[match[1]], value)
            for name, value in step["env"].items()
        }
        found.append((variables, step["run"]))
    return found


class Runner:
    """A runner in an empty checkout, with this environment's locklint on its path."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.checkout.mkdir()
        self.summary, self.output = folder / "summary.md", folder / "output"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT")},
            "GITHUB_WORKSPACE": str(self.checkout),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
        }

    def git(self, *words: str) -> None:
        """Run git as somebody."""
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *words], cwd=self.checkout, check=True, capture_output=True)

    def run(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the second step with some inputs."""
        variables, script = steps()[1]
        given = {name.upper(): value for name, value in inputs.items()}
        assert given.keys() <= variables.keys()
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.checkout,
            env={**self.environment, **variables, **given},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose checkout holds one fault."""
    runner = Runner(tmp_path)
    (runner.checkout / "a b").mkdir()
    (runner.checkout / "a b" / "port.py").write_text(LEAK)
    return runner


def test_it_fails_with_annotations_and_a_summary(runner: Runner) -> None:
    result = runner.run()
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith("::error title=locklint (LCK102),file=a b/port.py,line=7,")
    assert "LCK102" in runner.summary.read_text()
    assert not runner.output.exists()


def test_its_inputs_reach_locklint(runner: Runner) -> None:
    result = runner.run(sarif_file="out file.sarif", fail_on="never", summary="false")
    assert result.returncode == 0, result.stderr
    assert (runner.checkout / "out file.sarif").exists()
    assert runner.output.read_text() == "sarif-file=out file.sarif\n"
    assert not runner.summary.exists()
    result = runner.run(args='check --ignore "LCK101,LCK102" --isolated', src="a?b")
    assert result.returncode == 0, result.stderr
    assert runner.run(src="no/such").returncode == 2
    assert runner.run(args="rule LCK102", src="").stdout.startswith("# unreleased-on-exception")
    (runner.checkout / "a b" / "port.py").write_text(LEAK.replace("lock.release()", "pass"))
    assert runner.run(fail_on="info").returncode == 1
    assert runner.run(fail_on="fatal").returncode == 2


def test_a_reference_narrows_it_to_what_has_changed(runner: Runner) -> None:
    runner.git("init", "--quiet", "--initial-branch=main")
    runner.git("add", ".")
    runner.git("commit", "--quiet", "-m", "first")
    (runner.checkout / "other.py").write_text("x = 1\n")
    runner.git("add", ".")
    runner.git("commit", "--quiet", "-m", "second")
    assert runner.run(baseline_ref="HEAD~1").returncode == 0
    (runner.checkout / "a b" / "port.py").write_text(LEAK.replace("write()", "send()"))
    runner.git("commit", "--quiet", "--all", "-m", "third")
    result = runner.run(baseline_ref="HEAD~1")
    assert (result.returncode, "LCK102" in result.stdout) == (1, True)


def test_a_shallow_checkout_fetches_the_reference(runner: Runner, tmp_path: Path) -> None:
    runner.git("init", "--quiet", "--initial-branch=main")
    runner.git("add", ".")
    runner.git("commit", "--quiet", "-m", "first")
    runner.git("checkout", "--quiet", "-b", "topic")
    (runner.checkout / "other.py").write_text("x = 1\n")
    runner.git("add", ".")
    runner.git("commit", "--quiet", "-m", "second")
    origin = runner.checkout
    runner.checkout = tmp_path / "shallow"
    runner.checkout.mkdir()
    runner.git("init", "--quiet")
    runner.git("remote", "add", "origin", origin.as_uri())
    runner.git("fetch", "--quiet", "--depth=1", "origin", "topic")
    runner.git("checkout", "--quiet", "FETCH_HEAD")
    assert runner.run().returncode == 1
    result = runner.run(baseline_ref="main")
    assert result.returncode == 0, result.stderr


def test_it_installs_itself(runner: Runner, tmp_path: Path) -> None:
    variables, script = steps()[0]
    calls = tmp_path / "calls"
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir()
    # Makes an environment whose Python does no more than note down what it was called with.
    fake.write_text(
        f'#!/bin/sh\nmkdir -p "$3/bin"\n'
        f'printf \'#!/bin/sh\\nprintf "%%s\\\\n" "$@" >> "{calls}"\\n\' > "$3/bin/python"\n'
        f'chmod +x "$3/bin/python"\n'
    )
    fake.chmod(0o755)
    for version, file, wanted in (
        ("", "", ["/action dir"]),
        ("1.2", "", ["locklint==1.2"]),
        ("", "pins.txt", ["locklint", "--constraint", "pins.txt"]),
    ):
        calls.unlink(missing_ok=True)
        subprocess.run(
            ["bash", "-c", script],
            check=True,
            env={
                **variables,
                "ACTION_PATH": "/action dir",
                "VERSION": version,
                "VERSION_FILE": file,
                "RUNNER_TEMP": str(tmp_path),
                "GITHUB_PATH": str(tmp_path / "path"),
                "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}",
            },
        )
        words = calls.read_text().splitlines()
        assert words == ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    assert (tmp_path / "path").read_text().splitlines()[-1] == str(tmp_path / "locklint" / "bin")
