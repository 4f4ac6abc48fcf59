"""Reads settings from files into a `Config`, with errors that say what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from locklint.core.config import Config, LockType
from locklint.core.diagnostic import Severity
from locklint.engine.did_you_mean import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

# In one folder the first of these that holds settings wins.
FILE_NAMES = (".locklint.toml", "locklint.toml", "pyproject.toml")

SEVERITY_KEYS = frozenset({"min-severity", "fail-level"})


class SettingsError(Exception):
    """Settings that cannot be used: the message says which and why. The run cannot start."""


@dataclass(frozen=True)
class LoadedConfig:
    """Settings and the file they came from, None where there is no such file."""

    config: Config
    path: Path | None = None


def load_config(start: Path) -> LoadedConfig:
    """The settings of the nearest file from the folder ``start`` upwards, or the defaults.

    A pyproject.toml without a ``[tool.locklint]`` table is passed over. Raises `SettingsError`
    for a file that cannot be read, is not TOML, or holds unknown keys or wrong values.
    """
    folder = start.resolve()
    for directory in (folder, *folder.parents):
        for name in FILE_NAMES:
            path = directory / name
            table = _settings_table(path)
            if table is not None:
                return LoadedConfig(decode_config(table, str(path)), path)
    return LoadedConfig(Config())


def decode_config(table: Mapping[str, Any], origin: str) -> Config:
    """Turn a TOML table into a `Config`; ``origin`` names its file in errors.

    Raises `SettingsError` for unknown keys (with a suggestion) and for wrong types and values.
    """
    _reject_unknown_keys(table, Config, origin, "")
    lock_types = table.get("lock-types")
    if isinstance(lock_types, dict):
        for name, entry in lock_types.items():
            if isinstance(entry, dict):
                _reject_unknown_keys(entry, LockType, origin, f'lock-types."{name}".')
    values = {
        key: _severity(value, key, origin) if key in SEVERITY_KEYS else value
        for key, value in table.items()
    }
    try:
        return msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{origin}: {_reworded(str(error))}") from None


def _settings_table(path: Path) -> dict[str, Any] | None:
    """The table of settings in a file; None if the file does not exist or holds none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        # A folder above the project that may not be entered is no reason to stop.
        if isinstance(error, PermissionError) and path.name == "pyproject.toml":
            return None
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
    is_pyproject = path.name == "pyproject.toml"
    if is_pyproject and "locklint" not in text:
        return None

    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}") from None
    if not is_pyproject:
        return document
    tools = document.get("tool")
    table = tools.get("locklint") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise SettingsError(f"{path}: `tool.locklint` is not a table")
    return table


def _reject_unknown_keys(
    table: Mapping[str, Any], struct: type[msgspec.Struct], origin: str, prefix: str
) -> None:
    known = [field.encode_name for field in msgspec.structs.fields(struct)]
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known)
            raise SettingsError(f"{origin}: unknown setting `{prefix}{key}`{hint}")


def _severity(value: Any, key: str, origin: str) -> Severity:
    labels = {severity.label: severity for severity in Severity}
    if not isinstance(value, str) or value not in labels:
        hint = did_you_mean(value, labels) if isinstance(value, str) else ""
        raise SettingsError(f"{origin}: `{key}` is one of {', '.join(labels)}, not {value!r}{hint}")
    return labels[value]


def _reworded(message: str) -> str:
    """Turn msgspec's "Expected `array`, got `str` - at `$.select`" into plain words."""
    problem, found, place = message.partition(" - at `")
    if not found:
        return message
    key = place.rstrip("`").removeprefix("$.")
    return f"`{key}`: {problem[:1].lower()}{problem[1:]}"
