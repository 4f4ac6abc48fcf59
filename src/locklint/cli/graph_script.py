"""Search for the script that draws the lock-order graph, which `locklint[report]` installs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

_DISTRIBUTION = "pyvis-optimized"
_FILE = "vis-network.min.js"


def graph_script() -> str:
    """Return the script of vis-network; nothing if the extra is not installed.

    The package that ships it is not imported, since only its file is of use.
    """
    try:
        found = [file for file in distribution(_DISTRIBUTION).files or () if file.name == _FILE]
        return found[0].read_text(encoding="utf-8") if found else ""
    except (PackageNotFoundError, OSError, UnicodeDecodeError):
        return ""
