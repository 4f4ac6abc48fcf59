"""`ensure_run` holds `_lock` and calls `session_id()`, which calls `reset()` without a session.

`reset()` waits for `_lock`, which its own thread holds. A test module that loads the plugin itself
does so after the start of the session, so that its first test waits indefinitely.
"""
# Needs: pip install mlflow-skinny==3.17.2 "pytest>=9"

import subprocess
import sys
import tempfile
from pathlib import Path

TEST = """
import mlflow

pytest_plugins = ["mlflow.pytest.plugin"]

@mlflow.test
def test_nothing():
    pass
"""
OPTIONS = ["-o", "faulthandler_timeout=4", "-o", "faulthandler_exit_on_timeout=true"]

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "test_nothing.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", *OPTIONS, "test_nothing.py"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
blocked = all(f" in {name}\n" in result.stderr for name in ("reset", "session_id", "ensure_run"))
if blocked:
    print("blocked: the empty test has not ended after 4 s; reset() waits for ensure_run()'s lock")
sys.exit(0 if blocked else 1)
