"""What the generator of programs knows at a place of the program that it is writing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Style:
    """How a program spells its locks: globals of the module, or attributes of ``self``."""

    reentrant: tuple[bool, ...]
    is_method: bool

    def lock(self, number: int) -> str:
        """The expression for a lock."""
        return f"self.l{number}" if self.is_method else f"L{number}"

    def call(self, helper: str) -> str:
        """The expression for a helper function or method."""
        return f"self.{helper}" if self.is_method else helper


@dataclass
class Scope:
    """The names that are certainly bound, the locks that are probably held, and what is around.

    ``truths`` are variables that hold a truth value. ``aliases`` and ``releases`` are names, with
    the number of the lock that they stand for (``releases``: its bound method). ``owned`` are locks
    that something around is going to release.
    """

    truths: tuple[str, ...]
    held: list[int] = field(default_factory=list)
    owned: tuple[int, ...] = ()
    aliases: tuple[tuple[str, int], ...] = ()
    releases: tuple[tuple[str, int], ...] = ()
    stack: str | None = None  # an open ExitStack
    in_loop: bool = False
    in_handler: bool = False
    in_cleanup: bool = False  # in a handler or a `finally`
    depth: int = 0

    def inner(self, **changes: bool | str | None) -> Scope:
        """The scope of a nested block; what it binds is not seen outside."""
        copy = replace(self, held=list(self.held), depth=self.depth + 1)
        for name, value in changes.items():
            setattr(copy, name, value)
        return copy
