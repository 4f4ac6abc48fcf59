"""Settings of other linters that matter for comments to locklint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from locklint.engine.load_config import parse_toml
from locklint.engine.read import read_settings

_FILES = (".ruff.toml", "ruff.toml", "pyproject.toml")


def keeps_foreign_codes(folder: str) -> bool:
    """Return whether ruff's settings in a folder allow locklint's codes in ``noqa`` comments.

    Files that cannot be read say nothing.
    """
    for name in _FILES:
        try:
            text = read_settings(Path(folder, name)).decode("utf-8")
            document: Any = parse_toml(text)
        except (OSError, ValueError):
            continue
        if name == "pyproject.toml":
            document = _at(document, "tool", "ruff")
        external = _at(document, "lint", "external") or _at(document, "external")
        if isinstance(external, list) and any(
            isinstance(code, str) and code and "LCK".startswith(code[:3]) for code in external
        ):
            return True
    return False


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
