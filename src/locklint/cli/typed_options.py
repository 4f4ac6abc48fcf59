"""Options as attributes: one definition says how an option is written, its help and its type."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar, overload

import click

from locklint.cli.completion import complete_rules
from locklint.cli.option_groups import OptionGroup, option

T = TypeVar("T")


class Option(Generic[T]):
    """An option: the definition as an attribute of a class, its value as one of an instance.

    Its long name is that of the attribute, unless ``names`` give another one.
    """

    def __init__(self, group: OptionGroup, *names: str, default: T, **attributes: Any) -> None:
        self._group = group
        self._names = names
        self._attributes = attributes
        self.default = default
        self.name = ""

    def __set_name__(self, owner: type[Options], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[Options]) -> Self: ...

    @overload
    def __get__(self, instance: Options, owner: type[Options]) -> T: ...

    def __get__(self, instance: Options | None, owner: type[Options]) -> Self | T:
        return self if instance is None else instance.value(self)

    def __set__(self, instance: Options, value: T) -> None:
        raise AttributeError(f"{self.name} cannot be changed")

    def add_to(self, command: Any) -> Any:
        """Give a command the option."""
        names = [*self._names, self.name]
        if not any(name.startswith("--") for name in names):
            long = self.name.replace("_", "-")
            is_switch = self._attributes.get("is_flag") and self.default is None
            names.insert(0, f"--{long}/--no-{long}" if is_switch else f"--{long}")
        # A list that is not given is empty for click, and None only afterwards.
        given = {} if self._attributes.get("multiple") else {"default": self.default}
        return option(self._group, *names, **given, **self._attributes)(command)


class Options:
    """The values of options; those that were not given have their defaults."""

    def __init__(self, paths: tuple[str, ...], **values: Any) -> None:
        """Set the values by name. Raise `TypeError` if there is no option with a name."""
        known = {each.name for each in options_of(type(self))}
        for name in values.keys() - known:
            raise TypeError(f"there is no option {name}")
        self.paths = paths
        self._values = values

    def value(self, option: Option[T]) -> T:
        """Return the value of an option."""
        value: T = self._values.get(option.name, option.default)
        return value

    def with_paths(self, paths: tuple[str, ...]) -> Self:
        """Return the same options for other paths."""
        return type(self)(paths, **self._values)


def options_of(owner: type[Options]) -> list[Option[Any]]:
    """Return the options of a class, in the order in which they are defined."""
    return [
        each
        for base in reversed(owner.__mro__)
        for each in vars(base).values()
        if isinstance(each, Option)
    ]


def flag(group: OptionGroup, *names: str, **attributes: Any) -> Option[bool]:
    """Define an option without a value."""
    return Option(group, *names, default=False, is_flag=True, **attributes)


def switch(group: OptionGroup, help: str) -> Option[bool | None]:
    """Define an option that a setting decides if neither it nor its opposite is given."""
    return Option[bool | None](group, default=None, is_flag=True, help=help)


def text(group: OptionGroup, *names: str, **attributes: Any) -> Option[str | None]:
    """Define an option with a text for a value."""
    return Option[str | None](group, *names, default=None, **attributes)


def file(group: OptionGroup, *names: str, **attributes: Any) -> Option[str | None]:
    """Define an option with a path for a value."""
    return text(group, *names, type=click.Path(), **{"metavar": "FILE", **attributes})


def choice(group: OptionGroup, values: tuple[str, ...], help: str) -> Option[str | None]:
    """Define an option with one of several values."""
    return text(group, type=click.Choice(values), help=help)


def several(group: OptionGroup, *names: str, **attributes: Any) -> Option[tuple[str, ...]]:
    """Define an option that may be repeated."""
    return Option[tuple[str, ...]](group, *names, default=(), multiple=True, **attributes)


def listed(group: OptionGroup, metavar: str, help: str) -> Option[tuple[str, ...] | None]:
    """Define an option that takes comma lists and may be repeated."""
    return Option[tuple[str, ...] | None](
        group,
        default=None,
        multiple=True,
        metavar=metavar,
        callback=_pieces,
        help=help,
        shell_complete=complete_rules if metavar == "RULES" else None,
    )


def _pieces(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the items of comma lists. Return None if the option was not given."""
    if not values:
        return None
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())
