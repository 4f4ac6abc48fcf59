"""A group of commands with a default command."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

import click

from locklint.cli.option_groups import HelpContext

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class VerbGroup(click.Group):
    """A group that runs its default command if the first word is not a command."""

    context_class = HelpContext

    def __init__(self, *arguments: Any, default_verb: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.default_verb = default_verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart; the group's own options count only as the first word."""
        own_options = {name for option in self.get_params(ctx) for name in option.opts}
        first = args[0] if args else ""
        if not args and ctx.resilient_parsing:
            return super().parse_args(ctx, args)  # A shell asks what could come first.
        if first not in own_options and first not in self.commands:
            self._reject_mistyped_verb(ctx, first)
            args = [self.default_verb, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of the first word: commands, and those of the default command."""
        default = self.commands[self.default_verb]
        inner = default.make_context(self.default_verb, [], parent=ctx, resilient_parsing=True)
        items = [
            *super().shell_complete(ctx, incomplete),
            *default.shell_complete(inner, incomplete),
        ]
        if not incomplete.startswith("-"):
            # In front, because Bash forgets what stands before the offer to complete paths.
            items[:0] = default.params[0].shell_complete(inner, incomplete)
        return list({(item.value, item.type): item for item in items}.values())

    def _reject_mistyped_verb(self, ctx: click.Context, word: str) -> None:
        """Say what verb was meant by a plain word that is no path either."""
        if not word.isalpha() or os.path.lexists(word):
            return
        from locklint.engine.did_you_mean import closest

        verb = closest(word, self.commands)
        if verb:
            raise click.UsageError(
                f"`{word}` is neither a command nor a path (did you mean `{verb}`?)", ctx
            )
