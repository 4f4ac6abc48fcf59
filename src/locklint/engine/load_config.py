"""Reads settings from files into a `Config`, with errors that say what to write instead."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from locklint.core.config import Config, LockType, order_pairs
from locklint.core.diagnostic import Confidence, Severity
from locklint.engine.did_you_mean import did_you_mean
from locklint.engine.patterns import anchored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import IntEnum

# In one folder the first of these that holds settings wins.
FILE_NAMES = (".locklint.toml", "locklint.toml", "pyproject.toml")

LABELLED: dict[str, type[Severity] | type[Confidence]] = {
    "min-severity": Severity,
    "fail-level": Severity,
    "min-confidence": Confidence,
}

# What a file says is added to what the file says that it extends; other settings replace it.
ADDING_LISTS = frozenset({"extend-select", "extend-ignore", "extend-exclude"})
ADDING_TABLES = frozenset({"per-file-ignores", "lock-types"})

_MOST_EXTENDED = 20

Read: TypeAlias = Callable[[Path], bytes]


class SettingsError(Exception):
    """Settings that cannot be used: the message says which and why. The run cannot start."""


class LoadedConfig(msgspec.Struct, frozen=True):
    """Settings, the file they came from (None: no such file), and the keys written down in it."""

    config: Config
    path: Path | None = None
    keys: frozenset[str] = msgspec.field(default_factory=frozenset)


def load_config(start: Path, read: Read = Path.read_bytes) -> LoadedConfig:
    """The settings of the nearest file from the folder ``start`` upwards, or the defaults.

    A pyproject.toml without a ``[tool.locklint]`` table is passed over. ``read`` gives the bytes of
    a file, and raises `OSError` as `Path.read_bytes` does. Raises `SettingsError` for a file that
    cannot be read, is not TOML, or holds unknown keys or wrong values.
    """
    folder = start.resolve()
    for directory in (folder, *folder.parents):
        loaded = config_in(directory, read)
        if loaded is not None:
            return loaded
    return LoadedConfig(Config())


def config_in(directory: Path, read: Read = Path.read_bytes) -> LoadedConfig | None:
    """The settings that a folder itself holds; None if it holds none. Raises `SettingsError`.

    ``read`` gives the bytes of a file, and raises `OSError` as `Path.read_bytes` does.
    """
    for name in FILE_NAMES:
        path = directory / name
        table = _settings_table(path, read)
        if table is not None:
            return _loaded(path, table, read)
    return None


def load_file(path: Path) -> LoadedConfig:
    """The settings of one file, whatever its name.

    Raises `SettingsError` where there is no such file too, and for a pyproject.toml without
    settings of locklint's.
    """
    path = path.absolute()
    return _loaded(path, _named_table(path, str(path), Path.read_bytes), Path.read_bytes)


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
        key: _labelled(value, key, origin) if key in LABELLED else value
        for key, value in table.items()
    }
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{origin}: {_reworded(str(error))}") from None
    check_lock_order(config, origin)
    return config


def decode_table(table: Mapping[str, Any], origin: str, folder: Path) -> dict[str, Any]:
    """The values of the keys of a TOML table, by field of `Config`, its paths made absolute.

    Raises `SettingsError` as `decode_config` does, and for ``extend``.
    """
    if "extend" in table:
        raise SettingsError(f"{origin}: `extend` belongs into a settings file")
    decode_config(table, origin)
    config = decode_config(_with_places(table, folder), origin)
    fields = {each.encode_name: each.name for each in msgspec.structs.fields(Config)}
    return {fields[key]: getattr(config, fields[key]) for key in table}


def check_lock_order(config: Config, origin: str) -> None:
    """Raise `SettingsError` for an order of locks that is badly written or contradicts itself."""
    followers: dict[str, set[str]] = {}
    for text in config.lock_order:
        try:
            pairs = order_pairs(text)
        except ValueError as error:
            raise SettingsError(f"{origin}: `lock-order`: {text!r}: {error}") from None
        for first, second in pairs:
            if first in _reachable(second, followers):
                raise SettingsError(
                    f"{origin}: `lock-order`: {text!r} contradicts what stands before it"
                )
            followers.setdefault(first, set()).add(second)


def _reachable(start: str, followers: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    work = [start]
    while work:
        name = work.pop()
        if name not in found:
            found.add(name)
            work.extend(followers.get(name, ()))
    return found


def _loaded(path: Path, table: Mapping[str, Any], read: Read) -> LoadedConfig:
    merged = _extended(path, table, (), read)
    return LoadedConfig(decode_config(merged, str(path)), path, frozenset(table))


def _extended(
    path: Path, table: Mapping[str, Any], behind: tuple[Path, ...], read: Read
) -> dict[str, Any]:
    """A file's settings on top of those of the file that it extends, all of them checked."""
    decode_config(table, str(path))
    own = _with_places(table, path.parent)
    named = table.get("extend")
    if named is None:
        return own
    other = Path(os.path.normpath(path.parent / Path(named).expanduser()))
    behind = (*behind, path)
    if other in behind or len(behind) > _MOST_EXTENDED:
        raise SettingsError(f"{path}: `extend`: {other} is extended in a circle")
    found = _named_table(other, f"{path}: `extend`: {other}", read)
    base = _extended(other, found, behind, read)
    for key, value in own.items():
        if key in ADDING_LISTS:
            base[key] = [*base.get(key, ()), *value]
        elif key in ADDING_TABLES:
            base[key] = {**base.get(key, {}), **value}
        else:
            base[key] = value
    return base


def _with_places(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The table with its patterns and paths, which are relative to its folder, made absolute."""
    folder = folder.resolve()  # Files are compared with patterns by their real paths.
    placed = dict(table)
    for key in ("exclude", "extend-exclude"):
        if key in placed:
            placed[key] = [anchored(pattern, str(folder)) for pattern in placed[key]]
    if "per-file-ignores" in placed:
        placed["per-file-ignores"] = {
            anchored(pattern, str(folder)): rules
            for pattern, rules in placed["per-file-ignores"].items()
        }
    if "source-roots" in placed:
        placed["source-roots"] = [
            os.path.normpath(folder / Path(root).expanduser()) for root in placed["source-roots"]
        ]
    if "baseline" in placed:
        placed["baseline"] = os.path.normpath(folder / Path(placed["baseline"]).expanduser())
    return placed


def _named_table(path: Path, place: str, read: Read) -> dict[str, Any]:
    """The settings of a file that somebody has named, so that it has to be there."""
    try:
        read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise SettingsError(f"{place}: does not exist") from None
    except OSError:
        if path.is_dir():
            raise SettingsError(f"{place}: is a folder, not a settings file") from None
    table = _settings_table(path, read, named=True)
    if table is None:
        raise SettingsError(f"{place}: holds no `[tool.locklint]` table")
    return table


def _settings_table(path: Path, read: Read, *, named: bool = False) -> dict[str, Any] | None:
    """The table of settings in a file; None if the file does not exist or holds none."""
    try:
        text = read(path).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        # A folder above the project that may not be entered is no reason to stop.
        if isinstance(error, PermissionError) and path.name == "pyproject.toml" and not named:
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
    known = [each.encode_name for each in msgspec.structs.fields(struct)]
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known)
            raise SettingsError(f"{origin}: unknown setting `{prefix}{key}`{hint}")


def _labelled(value: Any, key: str, origin: str) -> IntEnum:
    labels: dict[str, IntEnum] = {level.label: level for level in LABELLED[key]}
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
    if key == "target-version" and "matching regex" in problem:
        return f"`{key}`: expected a version such as `py311`"
    if key == "docs-url" and "matching regex" in problem:
        return f"`{key}`: expected an address with `{{code}}` or `{{name}}` in it"
    return f"`{key}`: {problem[:1].lower()}{problem[1:]}"
