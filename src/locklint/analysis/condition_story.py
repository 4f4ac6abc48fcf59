"""The names of conditions in findings, and what a call does to one."""

from __future__ import annotations

from locklint.analysis.events import Used
from locklint.analysis.story import display_name, user_word
from locklint.analysis.unheld_conditions import UnheldUse
from locklint.ir.access_path import Root, as_written
from locklint.ir.instruction import Wait
from locklint.ir.lock import Owner


def condition_name(used: Used) -> str:
    """Return the condition as the function at hand writes it."""
    path = used.instruction.call.written_receiver
    if path is None or path.root is Root.TEMP:
        return display_name(used.lock)
    return as_written(str(path))


def doing(used: Used) -> str:
    """Return what is done to the condition: the end of ``self.ready is …``."""
    return "waited on" if isinstance(used.instruction, Wait) else "notified"


def lock_phrase(used: Used) -> str:
    """Return the condition's lock as a subject: the condition itself, if it has its own."""
    name = display_name(used.lock)
    return "it" if name == condition_name(used) else f"its lock `{name}`"


def effect(found: UnheldUse) -> str:
    """Return what the call does without the lock: the end of a message."""
    if found.used.instruction.method == "wait_for":
        return ", which raises an exception unless the predicate is true at once"
    lock = found.used.lock
    if lock.kind.owner is not Owner.ANYONE:
        return ", which raises an exception"
    return f", which raises an exception unless another {user_word(lock)} holds it"
