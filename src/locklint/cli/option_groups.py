"""Layout of ``--help``: options are listed by group, and no name is broken at a line end."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class OptionGroup(Enum):
    """The groups of options, in the order in which they are listed."""

    RULES = "Rules"
    FILES = "Files"
    SETTINGS = "Settings"
    OUTPUT = "Output"
    ADOPTION = "Adoption"
    STATUS = "Exit status"
    SPEED = "Cache and speed"
    OTHER = "Options"


# Characters at which no line is broken, for those at which click breaks lines.
_GLUE = {" ": "\u00a0", "-": "\u2011"}
_CODE = re.compile(r"`[^`]*`")


class HelpFormatter(click.HelpFormatter):
    """Lays out help without a break at a hyphen or within backquotes."""

    def write(self, string: str) -> None:
        """Write text as it is shown."""
        for character, glue in _GLUE.items():
            string = string.replace(glue, character)
        super().write(string)

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        super().write_text(_glued(text))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write a list of terms and their descriptions."""
        super().write_dl([(term, _glued(text)) for term, text in rows], col_max, col_spacing)


def _glued(text: str) -> str:
    code = _CODE.sub(lambda match: re.sub(r"\s+", _GLUE[" "], match[0]), text)
    return code.replace("-", _GLUE["-"])


class HelpContext(click.Context):
    """A context whose help is laid out so."""

    formatter_class = HelpFormatter


class GroupedOption(click.Option):
    """An option of a group."""

    def __init__(self, *arguments: Any, group: OptionGroup, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group = group

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The names and the help of the option; a value that needs ``=`` is joined to its name."""
        record = super().get_help_record(ctx)
        return (record[0].replace(" [=", "[="), record[1]) if record else None

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return the additions of click to the help, without the range of numbers."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class GroupedCommand(click.Command):
    """A command whose help lists options by group."""

    context_class = HelpContext

    def lists(self, option: click.Option) -> bool:
        """Return whether the help lists an option."""
        return True

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section for each group."""
        records: dict[OptionGroup, list[tuple[str, str]]] = {group: [] for group in OptionGroup}
        for parameter in self.get_params(ctx):
            if not isinstance(parameter, click.Option) or not self.lists(parameter):
                continue
            record = parameter.get_help_record(ctx)
            if record is not None:
                records[getattr(parameter, "group", OptionGroup.OTHER)].append(record)
        for group, rows in records.items():
            if rows:
                with formatter.section(group.value):
                    formatter.write_dl(rows)


def may_lack_value(option: click.Option) -> bool:
    """Return whether an option takes a value after ``=`` only, never as the next word."""
    return (str(option.metavar) if option.metavar else "").startswith("[=")


def option(group: OptionGroup, *names: str, **attributes: Any) -> Callable[[Any], Any]:
    """`click.option`, for an option of a group."""
    return click.option(*names, cls=GroupedOption, group=group, **attributes)
