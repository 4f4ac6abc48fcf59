"""How results are to be rendered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RenderOptions:
    """Settings that reporters share.

    ``width`` is the number of columns, None where there is no edge to keep within. Texts for
    people hold only characters that ``encoding`` has. ``root`` is the absolute folder that relative
    file names start from. ``closing`` adds the lines that count findings and say what was analysed.
    """

    width: int | None = None
    color: bool = False
    encoding: str = "utf-8"
    root: str = ""
    statistics: bool = False
    closing: bool = True
