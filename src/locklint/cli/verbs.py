"""A group of commands with a default command."""

from __future__ import annotations

import os.path
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.option_groups import HelpContext, may_lack_value

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


# The first words of other tools.
_WORDS_OF_OTHERS = {
    "analyse": "check",
    "analyze": "check",
    "explain": "rule",
    "lint": "check",
    "run": "check",
    "scan": "check",
    "settings": "config",
}
_RULE_CODE = re.compile(r"LCK\d+", re.IGNORECASE)


class VerbGroup(click.Group):
    """A group that runs its default command if the first word is not a command."""

    context_class = HelpContext

    def __init__(self, *arguments: Any, default_verb: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.default_verb = default_verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; the group's own options are accepted only as the first word.

        Options before the name of a command are those of the command.
        """
        own_options = {name for option in self.get_params(ctx) for name in option.opts}
        if not args and ctx.resilient_parsing:
            return super().parse_args(ctx, args)  # A shell completes the first word.
        if args and args[0] in own_options:
            return super().parse_args(ctx, args)
        place = self._first_word(args)
        word = args[place] if place < len(args) else ""
        if word in self.commands:
            if place:
                self._reject_ambiguous_verb(ctx, word, args[:place])
            args = [word, *args[:place], *args[place + 1 :]]
        else:
            self._reject_mistyped_verb(ctx, word, args[:2] if place == 0 else ())
            args = [self.default_verb, *args]
        return super().parse_args(ctx, args)

    def _first_word(self, args: list[str]) -> int:
        """The place of the first word that is no option and no value of one, or the end."""
        options = {
            name: parameter
            for command in self.commands.values()
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }

        def takes_next(name: str) -> bool:
            option = options.get(name)
            return option is not None and not option.is_flag and not may_lack_value(option)

        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] not in ("-", "--"):
            word = args[place]
            if word.startswith("--"):
                place += 2 if takes_next(word) else 1
                continue
            # Of several short options in one word, the rest of the word is the value of the first
            # that takes one.
            taking = next((i for i, letter in enumerate(word) if takes_next(f"-{letter}")), None)
            place += 2 if taking == len(word) - 1 else 1
        return place if args[place : place + 1] != ["--"] else len(args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of the first word: commands, and those of the default command."""
        default = self.commands[self.default_verb]
        inner = default.make_context(self.default_verb, [], parent=ctx, resilient_parsing=True)
        items = [
            *super().shell_complete(ctx, incomplete),
            *default.shell_complete(inner, incomplete),
        ]
        if not incomplete.startswith("-"):
            # In front, because Bash drops everything before the offer to complete paths.
            items[:0] = default.params[0].shell_complete(inner, incomplete)
        return list({(item.value, item.type): item for item in items}.values())

    def _reject_ambiguous_verb(self, ctx: click.Context, word: str, before: list[str]) -> None:
        """Refuse a word after options that is the name of a command and of a path."""
        if os.path.lexists(word):
            options = " ".join(before)
            raise click.UsageError(
                f"`{word}` is a command and a path: for the command, write `locklint {word}"
                f" {options}`; for the path, `locklint {self.default_verb} {options} {word}`",
                ctx,
            )

    def _reject_mistyped_verb(self, ctx: click.Context, word: str, first: Sequence[str]) -> None:
        """Say which command, or rule, was meant by a first word that is no path either."""
        if not word.isalnum() or os.path.lexists(word):
            return
        from locklint.engine.did_you_mean import closest

        code = next((each for each in first if _RULE_CODE.fullmatch(each)), None)
        if code is not None:
            meant: str | None = f"locklint rule {code}"
        elif word.isalpha():
            meant = _WORDS_OF_OTHERS.get(word) or closest(word, self.commands)
        else:
            return
        if meant:
            raise click.UsageError(
                f"`{word}` is neither a command nor a path (did you mean `{meant}`?)", ctx
            )
