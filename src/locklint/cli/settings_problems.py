"""Problems with settings that do not stop a run; ``--quiet`` does not hide them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locklint.cli.output import write_error, write_note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locklint.cli.request import Request
    from locklint.engine.report import UnknownName
    from locklint.engine.settings import Settings


def tell_notes(settings: Settings) -> None:
    """Print the notes about settings without effect."""
    for note in settings.notes:
        write_note(f"note: {note}")


def misnamed_settings(request: Request, settings: Settings, names: Iterable[UnknownName]) -> bool:
    """Print the names in the settings that nothing has; return whether that is an error.

    A file that others extend may have names that only some of them need. If only a part of the
    project was analysed, a name is printed if it looks misspelt.
    """
    from locklint.core.diagnostic import Confidence

    origin = settings.origin(settings.config)
    is_error = False
    for each in names:
        place = origin and (
            origin.place(each.setting, each.name) or origin.place(each.setting, word=each.name)
        )
        if origin and place:
            start = f"{origin.name}:{place[0]}:{place[1]}"
        elif any(each.name in word for word in request.config_words):
            start = "--config"
        else:
            continue
        message = f"{start}: `{each.setting}`: {each.message}"
        if each.is_certain:
            is_error = True
            write_error(message)
        elif request.verbose or (each.confidence > Confidence.LOW and not request.quiet):
            write_note(f"note: {message}")
    return is_error
