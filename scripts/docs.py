"""Write what is generated and build the documentation: ``python3 scripts/docs.py``.

The pages in ``docs/rules`` are made from the modules of the rules, and the samples of output in all
pages are what is printed. The site is built in ``docs/_build/html``. A warning is an error.
Prepares ``.venv`` by itself.
"""

from __future__ import annotations

import os
import subprocess
import sys

from environment import ROOT, environment, prepare

SITE = os.path.join("docs", "_build", "html")


def main() -> int:
    """Renew what is generated, then build."""
    programs = prepare(tools=True)
    update = [str(programs / "pytest"), "-q", "tests/docs", "-k", "generated"]
    variables = {**environment(), "LOCKLINT_UPDATE": "1"}
    status = subprocess.call(update, cwd=ROOT, env=variables)
    build = [str(programs / "sphinx-build"), "-W", "--keep-going", "-q", "-b", "html", "docs", SITE]
    return subprocess.call(build, cwd=ROOT, env=environment()) or status


if __name__ == "__main__":
    sys.exit(main())
