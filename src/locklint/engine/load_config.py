"""Reads settings from files into a `Config`, with errors that say what to write instead."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from locklint.core.config import Config, LockType, order_pairs
from locklint.core.diagnostic import Confidence, Severity
from locklint.engine.did_you_mean import did_you_mean, is_slip
from locklint.engine.patterns import anchored
from locklint.engine.read import read_settings
from locklint.engine.toml_places import Origin

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

# Settings of a file are added to those of the file that it extends; other settings replace it.
ADDING_LISTS = frozenset({"extend-select", "extend-ignore", "extend-exclude"})
ADDING_TABLES = frozenset({"per-file-ignores", "lock-types"})

_MOST_EXTENDED = 20

_TABLE = ("tool", "locklint")
_KEY_PART = r"""(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_OWN_NAME = re.compile(r"lock[-_]?lint", re.IGNORECASE)
_HEADER = re.compile(
    r"""^[ \t]*\[[ \t]*(?:tool[ \t]*\.[ \t]*)?["']?([\w-]{6,12})\b""", re.MULTILINE
)
_LONG_KEY = re.compile(rf"(?:{_KEY_PART}){{64}}")
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)")
_TYPE = re.compile(r"`(\w+)(?: \| null)?`")
# Places of settings in other linters, which their users may expect here.
_OF_OTHERS = {
    "lint": ": write its settings in the table of locklint itself",
    "src": " (did you mean `source-roots`?)",
}
_TOML_TYPES = {
    "array": "a list",
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
}

Read: TypeAlias = Callable[[Path], bytes]


class SettingsError(Exception):
    """Settings that cannot be used: the message says which and why. The run cannot start.

    ``unknown`` is the key that is no setting, if that is what is wrong.
    """

    def __init__(self, message: str, unknown: str = "") -> None:
        super().__init__(message)
        self.unknown = unknown


class LoadedConfig(msgspec.Struct, frozen=True):
    """Settings, the file they came from (None: no such file), and the keys written down in it."""

    config: Config
    path: Path | None = None
    keys: frozenset[str] = msgspec.field(default_factory=frozenset)
    origin: Origin = Origin("")


def load_config(start: Path, read: Read = read_settings) -> LoadedConfig:
    """The settings of the nearest file from the folder ``start`` upwards, or the defaults.

    A pyproject.toml without a ``[tool.locklint]`` table is passed over. ``read`` gives the bytes of
    a file, and raises `OSError` as `read_settings` does. Raise `SettingsError` for a file that
    cannot be read, is not TOML, or holds unknown keys or wrong values.
    """
    folder = start.resolve()
    for directory in (folder, *folder.parents):
        loaded = config_in(directory, read)
        if loaded is not None:
            return loaded
    return LoadedConfig(Config())


def config_in(directory: Path, read: Read = read_settings) -> LoadedConfig | None:
    """Return the settings that a folder itself holds, or None.

    Raise `SettingsError` if they cannot be used.

    ``read`` gives the bytes of a file, and raises `OSError` as `read_settings` does.
    """
    for name in FILE_NAMES:
        path = directory / name
        found = _settings_table(path, read)
        if found is not None:
            return _loaded(path, found, read)
    return None


def unheard_files(loaded: LoadedConfig, read: Read = read_settings) -> list[Path]:
    """Return the settings files in a folder that another one there overrides."""
    path = loaded.path
    if path is None or path.name not in FILE_NAMES:
        return []
    others = [path.with_name(name) for name in FILE_NAMES if name != path.name]
    found: list[Path] = []
    for other in others:
        with contextlib.suppress(SettingsError):
            if _settings_table(other, read) is not None:
                found.append(other)
    return found


def load_file(path: Path) -> LoadedConfig:
    """Return the settings of one file, with any name.

    Raise `SettingsError` also if there is no such file, and for a pyproject.toml without settings
    of locklint's.
    """
    path = path.absolute()
    return _loaded(path, _named_table(path, str(path), read_settings), read_settings)


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML document. Raise `ValueError` for what is none.

    `tomllib` takes memory that grows with the square of the parts of a key, so that a key of many
    parts is refused.
    """
    import tomllib

    if _LONG_KEY.search(text):
        raise ValueError("a key has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("the values are nested too deeply") from None


def decode_config(table: Mapping[str, Any], origin: Origin) -> Config:
    """Turn a TOML table into a `Config`; ``origin`` says in errors where it is written.

    Raise `SettingsError` for unknown keys (with a suggestion) and for wrong types and values.
    """
    _reject_unknown_keys(table, Config, origin)
    lock_types = table.get("lock-types")
    if isinstance(lock_types, dict):
        for name, entry in lock_types.items():
            if isinstance(entry, dict):
                _reject_unknown_keys(entry, LockType, origin, "lock-types", name)
    values = {
        key: _labelled(value, key, origin) if key in LABELLED else value
        for key, value in table.items()
    }
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        message, keys = _reworded(str(error))
        raise SettingsError(f"{origin.at(*keys)}: {message}") from None
    check_lock_order(config, origin)
    return config


def decode_table(table: Mapping[str, Any], origin: Origin, folder: Path) -> dict[str, Any]:
    """The values of the keys of a TOML table, by field of `Config`, its paths made absolute.

    Raise `SettingsError` as `decode_config` does, and for ``extend``.
    """
    if "extend" in table:
        raise SettingsError(f"{origin.name}: `extend` belongs in a settings file")
    decode_config(table, origin)
    config = decode_config(_with_places(table, folder), origin)
    fields = {each.encode_name: each.name for each in msgspec.structs.fields(Config)}
    return {fields[key]: getattr(config, fields[key]) for key in table}


def check_lock_order(config: Config, origin: Origin) -> None:
    """Raise `SettingsError` for an order of locks that is badly written or contradicts itself."""
    followers: dict[str, set[str]] = {}
    for text in config.lock_order:
        try:
            pairs = order_pairs(text)
        except ValueError as error:
            place = origin.at("lock-order", word=text)
            raise SettingsError(f"{place}: `lock-order`: {text!r}: {error}") from None
        for first, second in pairs:
            if first in _reachable(second, followers):
                place = origin.at("lock-order", word=text)
                raise SettingsError(
                    f"{place}: `lock-order`: {text!r} contradicts the orders before it"
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


def _loaded(path: Path, found: _Found, read: Read) -> LoadedConfig:
    merged = _extended(path, found, (), read)
    origin = found.origin
    # Each file was checked by itself; together they may still contradict each other.
    return LoadedConfig(decode_config(merged, origin), path, frozenset(found.table), origin)


def _extended(path: Path, found: _Found, behind: tuple[Path, ...], read: Read) -> dict[str, Any]:
    """A file's settings on top of those of the file that it extends, all of them checked."""
    decode_config(found.table, found.origin)
    own = _with_places(found.table, path.parent)
    named = found.table.get("extend")
    if named is None:
        return own
    other = Path(os.path.normpath(path.parent / Path(named).expanduser()))
    behind = (*behind, path)
    place = found.origin.at("extend")
    if other in behind or len(behind) > _MOST_EXTENDED:
        raise SettingsError(
            f"{place}: `extend`: {other} extends itself, directly or through others"
        )
    base = _extended(other, _named_table(other, f"{place}: `extend`: {other}", read), behind, read)
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


def _named_table(path: Path, place: str, read: Read) -> _Found:
    """Return the settings of a file that is named, and therefore must exist."""
    try:
        read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise SettingsError(f"{place}: does not exist") from None
    except OSError:
        if path.is_dir():
            raise SettingsError(f"{place}: is a folder, not a settings file") from None
    found = _settings_table(path, read, named=True)
    if found is None:
        raise SettingsError(f"{place}: has no `[tool.locklint]` table")
    return found


class _Found(NamedTuple):
    """The table of settings in a file, and where it is written."""

    table: dict[str, Any]
    origin: Origin


def _settings_table(path: Path, read: Read, *, named: bool = False) -> _Found | None:
    """Return the table of settings in a file, or None if the file does not exist or holds none."""
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
    if (
        is_pyproject
        and not _OWN_NAME.search(text)
        and not any(_is_own(name) for name in _HEADER.findall(text))
    ):
        return None
    try:
        document = parse_toml(text)
    except ValueError as error:
        message, place = _without_place(str(error))
        raise SettingsError(f"{path}{place}: is not valid TOML: {message}") from None
    if not is_pyproject:
        return _Found(document, _without_header(document, Origin(str(path), text)))
    tools = document.get("tool")
    table = tools.get("locklint") if isinstance(tools, dict) else None
    origin = Origin(str(path), text, _TABLE)
    if table is None:
        _reject_other_tables(document, Origin(str(path), text))
    if table is not None and not isinstance(table, dict):
        raise SettingsError(f"{origin.at()}: `tool.locklint` is not a table")
    return None if table is None else _Found(table, origin)


def _without_header(document: Mapping[str, Any], origin: Origin) -> Origin:
    """Return the origin of a file of locklint's own. Raise `SettingsError` for a table in it."""
    tools = document.get("tool")
    keys = _TABLE if isinstance(tools, dict) and "locklint" in tools else ("locklint",)
    if len(keys) > 1 or isinstance(document.get("locklint"), dict):
        raise SettingsError(
            f"{origin.at(*keys)}: `[{'.'.join(keys)}]` belongs in a pyproject.toml: here, write"
            " the settings without this header"
        )
    return origin


def _reject_other_tables(document: Mapping[str, Any], origin: Origin) -> None:
    """Raise `SettingsError` for a table in a pyproject.toml that is meant to be locklint's."""
    tools = document.get("tool")
    for above, tables in (((), document), (("tool",), tools)):
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if isinstance(table, dict) and _is_own(name):
                raise SettingsError(
                    f"{origin.at(*above, name)}: `[{'.'.join((*above, name))}]` has no effect:"
                    " write `[tool.locklint]`"
                )


def _is_own(name: str) -> bool:
    """Return whether the name of a table is that of locklint, or that with a spelling mistake."""
    plain = name.replace("-", "").replace("_", "").casefold()
    return plain == _TABLE[-1] or is_slip(plain, _TABLE[-1])


def _without_place(message: str) -> tuple[str, str]:
    """Split a message of `tomllib` into its text and the place in it, as ``:line:column``."""
    found = _TOML_PLACE.search(message)
    if found is None:
        return message, ""
    return message[: found.start()], f":{found[1]}:{found[2]}"


def _reject_unknown_keys(
    table: Mapping[str, Any], struct: type[msgspec.Struct], origin: Origin, *above: str
) -> None:
    known = struct.__struct_encode_fields__
    for key in table:
        if key not in known:
            place = origin.at(*above, key)
            prefix = f'{above[0]}."{above[1]}".' if above else ""
            hint = did_you_mean(key, known)
            if not above:
                hint = _OF_OTHERS.get(key, hint)
            unknown = "" if hint or above else key
            raise SettingsError(f"{place}: unknown setting `{prefix}{key}`{hint}", unknown)


def _labelled(value: Any, key: str, origin: Origin) -> IntEnum:
    labels: dict[str, IntEnum] = {level.label: level for level in LABELLED[key]}
    if not isinstance(value, str) or value not in labels:
        hint = did_you_mean(value, labels) if isinstance(value, str) else ""
        raise SettingsError(
            f"{origin.at(key)}: `{key}` must be one of {', '.join(labels)}, not {value!r}{hint}"
        )
    return labels[value]


def _reworded(message: str) -> tuple[str, tuple[str, ...]]:
    """msgspec's "Expected `array`, got `str` - at `$.select`" in TOML's words, and the setting."""
    problem, found, place = message.partition(" - at `")
    if not found:
        return message, ()
    path = place.rstrip("`").removeprefix("$.")
    key = path.partition("[")[0].partition(".")[0]
    if key == "target-version" and "matching regex" in problem:
        return f"`{key}`: expected a version such as `py311`", (key,)
    if key == "docs-url" and "matching regex" in problem:
        return f"`{key}`: expected an address with `{{code}}` or `{{name}}` in it", (key,)
    problem = _TYPE.sub(lambda match: _TOML_TYPES.get(match[1], match[0]), problem)
    example = _example(path)
    as_in = f", as in `{example}`" if example else ""
    return f"`{path}`: {problem[:1].lower()}{problem[1:]}{as_in}", (key,)


def _example(key: str) -> str:
    from locklint.engine.settings_table import settings_table

    return next((row.example for row in settings_table() if row.key == key), "")
