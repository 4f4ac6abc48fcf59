"""The table of settings, made from the fields of `Config`, in several forms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from locklint.core.config import Config, scope_of
from locklint.core.diagnostic import Confidence, Severity

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LEVELS: dict[str, type[Severity] | type[Confidence]] = {
    "Severity": Severity,
    "Confidence": Confidence,
}

SCHEMA_DIALECT = "http://json-schema.org/draft-07/schema#"


@dataclass(frozen=True)
class Setting:
    """A row: the allowed values, the default (None: nothing), and the scope."""

    key: str
    type: str
    default: Any
    description: str
    scope: str
    example: str
    inner: tuple[Setting, ...] = ()  # The settings that each of its tables may hold.

    @property
    def place(self) -> str:
        """The settings files that the setting is read from, in words."""
        if self.scope == "folder":
            return "the nearest settings file of each analysed file"
        return "the settings file of the project's root"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 7) of a locklint.toml, and of ``[tool.locklint]``."""
    schema = msgspec.json.schema(Config)
    definitions = schema["$defs"]
    for name, level in _LEVELS.items():
        definitions[name] = {
            "title": name,
            "type": "string",
            "enum": _labels(level),
        }
    root = definitions.pop("Config")
    for key, value in root["properties"].items():
        if "$ref" in value and value["$ref"].rpartition("/")[2] in _LEVELS:
            level = _LEVELS[value["$ref"].rpartition("/")[2]]
            # Beside a reference nothing else is read in this dialect.
            root["properties"][key] = {
                "description": value["description"],
                "allOf": [{"$ref": value["$ref"]}],
                "default": level(value["default"]).label,
            }
    for kind in (root, definitions["LockType"]):
        kind["properties"] = {
            key: _without_null(value) for key, value in kind["properties"].items()
        }
        kind.pop("required", None)
    return {
        "$schema": SCHEMA_DIALECT,
        "title": "Settings of locklint",
        **{key: value for key, value in root.items() if key != "title"},
        "definitions": json.loads(json.dumps(definitions).replace("#/$defs/", "#/definitions/")),
        "properties": json.loads(
            json.dumps(root["properties"]).replace("#/$defs/", "#/definitions/")
        ),
    }


def _labels(level: type[Severity] | type[Confidence]) -> list[str]:
    return [each.label for each in level]


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a setting that is None by default is simply not written."""
    if "anyOf" not in value:
        return value
    (only,) = (each for each in value["anyOf"] if each != {"type": "null"})
    rest = {key: each for key, each in value.items() if key != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    return {**rest, **only}


def settings_table() -> tuple[Setting, ...]:
    """All settings, in the order of the table."""
    schema = json_schema()

    def row(key: str, value: dict[str, Any], scope: str) -> Setting:
        entries = value.get("additionalProperties", {})
        kind = entries.get("$ref", "").rpartition("/")[2] if isinstance(entries, dict) else ""
        inner = schema["definitions"][kind]["properties"] if kind else {}
        return Setting(
            key=key,
            type=_type(value),
            default=value.get("default"),
            description=value.get("description", ""),
            scope=scope,
            example=next((f"{key} = {toml_value(each)}" for each in value.get("examples", ())), ""),
            inner=tuple(row(name, each, scope) for name, each in inner.items()),
        )

    return tuple(row(key, value, scope_of(key)) for key, value in schema["properties"].items())


def _type(value: dict[str, Any]) -> str:
    if "enum" in value:
        return " | ".join(json.dumps(each) for each in value["enum"])
    reference = value.get("allOf", [value])[0].get("$ref", "").rpartition("/")[2]
    if reference in _LEVELS:
        return " | ".join(map(json.dumps, _labels(_LEVELS[reference])))
    kind = value.get("type")
    if kind == "array":
        return f"list of {_type(value['items'])}"
    if kind == "object":
        return f"table of {_type(value['additionalProperties'])}"
    return {"string": "text", "boolean": "true | false"}.get(kind or "", "table")


def as_toml(config: Config, wanted: Callable[[str], bool] = lambda key: True) -> str:
    """Return the settings as a TOML document; a setting without a value is in a comment."""
    return "".join(f"{line}\n" for line in _toml_lines(config, wanted))


def _toml_lines(config: Config, wanted: Callable[[str], bool]) -> Iterator[str]:
    tables: list[tuple[str, dict[str, Any]]] = []
    for field in msgspec.structs.fields(Config):
        key, value = field.encode_name, getattr(config, field.name)
        if not wanted(key) or key == "extend":
            continue
        if value is None:
            yield f"# {key} is not set"
        elif isinstance(value, dict) and value:
            tables.append((key, value))
        else:
            yield f"{key} = {toml_value(value)}"
    for key, table in tables:
        yield ""
        yield f"[{key}]"
        for name, value in table.items():
            yield f"{_key(name)} = {toml_value(value)}"


def toml_value(value: Any) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, (Severity, Confidence)):
        return json.dumps(value.label)
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, msgspec.Struct):
        value = {
            field.encode_name: getattr(value, field.name)
            for field in msgspec.structs.fields(value)
            if getattr(value, field.name) is not None
        }
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {toml_value(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)
