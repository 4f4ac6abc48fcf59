"""The steps of the GitHub action, run as its runner would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from locklint import __version__

ROOT = Path(__file__).parents[2]

LEAK = """\
import threading

lock = threading.Lock()


def send(port):
    lock.acquire()
    port.write()
    lock.release()
"""


def steps() -> dict[str, tuple[dict[str, str], str]]:
    """The environment and the script of each step of action.yml that is one, by its name."""
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load((ROOT / "action.yml").read_text(encoding="utf-8"))
    defaults = {name: str(each["default"]) for name, each in document["inputs"].items()}
    assert set(defaults) >= {"args", "src", "version", "sarif-file", "baseline-ref", "fail-on"}
    found = {}
    for step in document["runs"]["steps"]:
        if "run" not in step:
            continue
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # An input in a script would be code.
        variables = {
            name: re.sub(r"^\$\{\{ inputs\.(.*) \}\}$", lambda match: defaults[match[1]], value)
            for name, value in step["env"].items()
        }
        variables["ACTION_PATH"] = str(ROOT)
        found[step["name"]] = (variables, step["run"])
    return found


class Runner:
    """A runner in an empty checkout, for which this environment's locklint is installed."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.checkout.mkdir()
        self.summary, self.output = folder / "summary.md", folder / "output"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT")},
            "GITHUB_WORKSPACE": str(self.checkout),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "RUNNER_TEMP": str(folder),
            "PIP_NO_COMPILE": "1",  # Most of what is installed is never imported here.
        }
        # Stands for the environment that the first step makes.
        python = folder / "locklint" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    def git(self, *words: str) -> None:
        """Run git as somebody."""
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *words], cwd=self.checkout, check=True, capture_output=True)

    def run(self, step: str = "Run locklint", **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run a step with some inputs."""
        variables, script = steps()[step]
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
    assert runner.run(args="rule LCK102").stdout.startswith("# unreleased-on-exception")
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


HOSTILE = "import pathlib; pathlib.Path(__file__).with_name('ran').write_text('')\n"


def fill_with_traps(checkout: Path) -> None:
    """Write files that leave a file named `ran` if anything imports them."""
    for name in ("venv", "pip", "ensurepip", "locklint", "sitecustomize", "shlex", "glob", "ast"):
        (checkout / f"{name}.py").write_text(HOSTILE)
    for name in ("pip", "libcst", "click"):
        (checkout / name).mkdir(exist_ok=True)
        (checkout / name / "__init__.py").write_text(HOSTILE.replace("__file__", "__path__[0]"))


def test_nothing_of_the_checkout_runs(runner: Runner) -> None:
    fill_with_traps(runner.checkout)
    result = runner.run()
    assert (result.returncode, result.stderr) == (1, "")
    assert "a b/port.py" in result.stdout
    assert not list(runner.checkout.rglob("ran"))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"args": 'check "--select LCK1'}, "the input args cannot be read: No closing quotation"),
        ({"src": "it's"}, "the input src cannot be read: No closing quotation"),
        ({"args": "rule", "sarif_file": "x"}, "the input sarif-file has an effect on `check` only"),
        ({"args": "rule", "fail_on": "error"}, "the input fail-on has an effect on `check` only"),
        ({"fail_on": "fatal"}, "the input fail-on is one of info, warning, error and never"),
        ({"baseline_ref": "--upload-pack=touch ran"}, "is no commit, branch or tag"),
        ({"baseline_ref": "a:refs/heads/b"}, "is no commit, branch or tag"),
        ({"sarif_file": "x\nother=1"}, "the input sarif-file holds a control character"),
        ({"baseline_ref": "no-such-branch"}, "no-such-branch cannot be fetched from origin"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused(
    runner: Runner, inputs: dict[str, str], message: str
) -> None:
    runner.git("init", "--quiet")
    result = runner.run(**inputs)
    assert result.returncode == 2
    assert f"::error title=locklint::{message}" in result.stdout or message in result.stdout
    assert not runner.output.exists()
    assert not (runner.checkout / "ran").exists()


def test_arguments_may_end_the_options(runner: Runner) -> None:
    (runner.checkout / "-x.py").write_text(LEAK)
    result = runner.run(args="check -- -x.py", src="'a b'")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.count("::error ") == 2


def test_arguments_may_choose_the_format(runner: Runner) -> None:
    for arguments in ("check --output-format concise", "--output-format=concise"):
        result = runner.run(args=arguments)
        assert result.returncode == 1, result.stderr
        assert result.stdout.startswith("a b/port.py:7:5: LCK102")
    result = runner.run(args="--output-format json:found.json")
    assert (result.returncode, result.stdout[:8]) == (1, "::error ")


def test_arguments_and_paths_may_have_several_lines(runner: Runner) -> None:
    result = runner.run(args="check\n  --exit-zero\n", src="'a b'\nno/such\n")
    assert (result.returncode, "no/such: does not exist" in result.stderr) == (2, True)
    assert runner.run(args="check\n  --exit-zero\n", src="'a b'\n").returncode == 0


def test_options_without_a_verb_are_those_of_check(runner: Runner) -> None:
    result = runner.run(args="--select LCK102", sarif_file="x.sarif")
    assert result.returncode == 1
    assert (runner.checkout / "x.sarif").exists()


def test_a_path_is_never_an_option(runner: Runner) -> None:
    (runner.checkout / "--help.py").write_text(LEAK)
    for source in ("--help.py", "-*.py", "'--help.py'"):
        result = runner.run(src=source)
        assert result.returncode == 1, result.stderr
        assert "file=--help.py,line=7" in result.stdout


def installed(tmp_path: Path, **inputs: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the step that installs, with a Python whose pip notes down its words."""
    variables, script = steps()["Install locklint"]
    program = (
        "import runpy, sys, venv, subprocess\n"
        "venv.create = lambda path, **rest: path.mkdir(exist_ok=True)\n"
        f"subprocess.call = lambda words, cwd: print(*words, cwd, sep=chr(10), "
        f"file=open({str(tmp_path / 'calls')!r}, 'w')) or 0\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir(exist_ok=True)
    (tmp_path / "fake.py").write_text(program)
    fake.write_text(
        '#!/bin/sh\n[ "$1" = -I ] || exit 9\nshift\n'
        f'exec "{sys.executable}" -I "{tmp_path}/fake.py" "$@"\n'
    )
    fake.chmod(0o755)
    calls = tmp_path / "calls"
    calls.unlink(missing_ok=True)
    result = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={
            **variables,
            **{name.upper(): value for name, value in inputs.items()},
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_WORKSPACE": str(tmp_path),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return result, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        ({}, str(ROOT)),
        ({"version": "1.2"}, "locklint==1.2"),
        ({"version_file": "pins.txt"}, "locklint[dask]==1.2,<2"),
    ],
)
def test_it_installs_what_is_asked_for(tmp_path: Path, inputs: dict[str, str], wanted: str) -> None:
    (tmp_path / "temp").mkdir()
    (tmp_path / "pins.txt").write_text(
        "# pins\nlocklint-other==3\nlocklint [dask] == 1.2, <2 ; python_version > '3' --hash=x\n"
    )
    fill_with_traps(tmp_path)
    result, words = installed(tmp_path, **inputs)
    assert result.returncode == 0, result.stderr
    environment = tmp_path / "temp" / "locklint"
    assert words[0] == str(environment / "bin" / "python")
    assert words[1:6] == ["-I", "-m", "pip", "install", "--quiet"]
    assert words[6:] == ["--disable-pip-version-check", wanted, str(environment)]
    assert not list(tmp_path.rglob("ran"))
    program = environment / "bin" / "locklint"
    assert (tmp_path / "output").read_text() == f"program={program}\n"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"version": "--index-url=x"}, "the input version is no version"),
        ({"version_file": "none.txt"}, "the input version-file: none.txt: No such file"),
        ({"version_file": "empty.txt"}, "holds no line such as locklint==1.2"),
        ({"version_file": "addresses.txt"}, "holds no line such as locklint==1.2"),
        ({"version_file": "pipe"}, "pipe is no file"),
        ({"version_file": "device"}, "device is no file"),
    ],
)
def test_it_refuses_a_version_that_is_none(
    tmp_path: Path, inputs: dict[str, str], message: str
) -> None:
    (tmp_path / "temp").mkdir()
    (tmp_path / "empty.txt").write_text("locklint\n")
    (tmp_path / "addresses.txt").write_text("locklint @ file:///other\n-e ./locklint\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    result, words = installed(tmp_path, **inputs)
    assert (result.returncode, words) == (2, [])
    assert message in result.stdout


def test_a_real_installation_runs_nothing_of_the_checkout(runner: Runner, tmp_path: Path) -> None:
    """Install from this folder as the action does; the only test that needs the package index."""
    fill_with_traps(runner.checkout)
    (runner.checkout / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "pip"\nbackend-path = ["."]\n'
    )
    (runner.checkout / "pip.conf").write_text("[global]\nindex-url = http://localhost:1/\n")
    path = tmp_path / "path"
    runner.environment |= {"GITHUB_PATH": str(path), "RUNNER_TEMP": str(tmp_path / "a temp")}
    (tmp_path / "a temp").mkdir()
    result = runner.run("Install locklint", PIP_CACHE_DIR=str(tmp_path / "a temp" / "pip"))
    assert result.returncode == 0, result.stdout + result.stderr
    result = runner.run()
    assert (result.returncode, result.stderr) == (1, "")
    assert "a b/port.py" in result.stdout
    program = runner.output.read_text().removeprefix("program=").strip()
    result = subprocess.run(
        [program, "version"], cwd=runner.checkout, capture_output=True, text=True, check=True
    )
    assert result.stdout == f"locklint {__version__}\n"
    assert not list(runner.checkout.rglob("ran"))
    assert not path.exists()  # The environment's Python must not come before the user's.
