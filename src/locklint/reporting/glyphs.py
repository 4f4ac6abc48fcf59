"""The drawing characters of text output, with replacements for terminals that lack them."""

from __future__ import annotations

import msgspec


class Glyphs(msgspec.Struct, frozen=True):
    """A set of drawing characters, each one column wide except ``between`` lanes and ``gap``."""

    bar: str
    primary: str
    secondary: str
    clipped: str
    between: str
    gap: str
    numbers: str

    def number(self, value: int) -> str:
        """The sign of a step, counted from 1."""
        return self.numbers[value - 1] if value <= len(self.numbers) else f"{value}:"


UNICODE = Glyphs("│", "^", "─", "…", "║", "⋮", "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳")
ASCII = Glyphs("|", "^", "-", "~", "||", "...", "")


def glyphs_for(encoding: str) -> Glyphs:
    """The drawing characters that an encoding has."""
    needed = (
        UNICODE.bar
        + UNICODE.secondary
        + UNICODE.clipped
        + UNICODE.between
        + UNICODE.gap
        + UNICODE.numbers
    )
    try:
        needed.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
