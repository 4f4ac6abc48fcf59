"""Options of rendering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from locklint.rule import Rule


class RenderOptions(msgspec.Struct, frozen=True):
    """Settings that reporters share.

    ``width`` is the number of columns, None where there is no edge to keep within. Texts for
    people hold only characters that ``encoding`` has. ``root`` is the absolute folder that relative
    file names start from, and ``base`` the one that the file names written for other programs are
    relative to: that of the repository, if it is known, else ``root``. ``closing`` adds the lines
    that count findings and say what was analysed. ``rules`` are all that could have been applied.
    With ``verbose`` these name what was not analysed. With ``hidden``, formats that can mark them
    hold the findings that are not to be shown as well. ``docs_url`` is the address of a rule's
    page, with ``{code}`` and ``{name}`` for the rule, or nothing where the pages have no address.
    ``graph_script`` is the script that draws the page of the lock-order graph, or nothing, and
    ``page_folder`` the folder of that page.
    """

    width: int | None = None
    color: bool = False
    encoding: str = "utf-8"
    root: str = ""
    statistics: bool = False
    closing: bool = True
    base: str = ""
    rules: tuple[Rule, ...] = ()
    hidden: bool = False
    docs_url: str = ""
    graph_script: str = ""
    page_folder: str = ""
    verbose: bool = False

    def page(self, code: str, name: str) -> str | None:
        """Return the address of the page of a rule. Return None if it has none."""
        return self.docs_url.replace("{code}", code).replace("{name}", name) or None
