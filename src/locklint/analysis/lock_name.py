"""What a lock is called across the program."""

from __future__ import annotations

from locklint.ir.lock import Exactness, LockRef


def lock_name(lock: LockRef) -> str:
    """The class-equal name: elements with a literal key are told apart, all others are one."""
    if lock.exactness is Exactness.ELEMENT and lock.identity.endswith("[*]"):
        last = lock.path.last
        if last[:1] == "[" and (last[1:2] in "'\"" or last[1:-1].isdigit()):
            return f"{lock.identity.removesuffix('[*]')}{last}"
    return lock.identity
