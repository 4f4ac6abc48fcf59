"""The behaviour of one call of an acquire method: it waits indefinitely, tries, or raises."""

from __future__ import annotations

import msgspec

from locklint.ir.access_path import AccessPath
from locklint.ir.event import Waiting
from locklint.ir.instruction import Call, Constant, Operand, Unknown
from locklint.ir.lock import AcquireForm, Argument, Failure, Refused


class AcquireCall(msgspec.Struct, frozen=True):
    """The behaviour of a call.

    ``tries``: it may give up; ``certain``: it does not wait indefinitely with any arguments;
    ``timed``: it waits for a while; ``raises``: giving up raises; ``refused`` completes "it is
    called with …" where the constant arguments raise at once.
    """

    tries: bool
    certain: bool
    timed: bool
    raises: bool
    refused: str | None = None


def argument_value(call: Call, argument: Argument | None) -> Operand | None:
    """Return what a call passes for an argument. Return None if it passes nothing, or unknown."""
    if argument is None:
        return None
    for given in call.arguments:
        if given.name == argument.name:
            return given.value
    positional = [given for given in call.arguments if given.name is None]
    if any(given.star for given in positional):
        return None
    if argument.position is not None and argument.position < len(positional):
        return positional[argument.position].value
    return None


def read_acquire(call: Call, form: AcquireForm) -> AcquireCall:
    """Read the arguments of ``call`` as those of ``form``."""
    if any(argument.star for argument in call.arguments):
        return AcquireCall(form.failure is Failure.RETURNS_FALSE, False, False, False)
    blocking = argument_value(call, form.blocking)
    timeout = argument_value(call, form.timeout)
    tries, certain, timed = form.always_tries, form.always_tries, False
    if form.result_decides:
        tries = True
    if isinstance(blocking, Constant):
        if not blocking.value:
            tries = certain = True
    elif blocking is not None:
        tries = True
    waits_for_ever = isinstance(timeout, Constant) and (
        timeout.value is None or timeout.value == -1
    )
    if timeout is not None and not waits_for_ever and not certain:
        tries = timed = True
        certain = isinstance(timeout, (Constant, Unknown))
    raises = form.failure is Failure.RAISES or (timed and form.timeout_raises)
    if form.failure is Failure.NEVER:
        tries = certain = False
    return AcquireCall(tries, certain, timed, raises, _refused(form, blocking, timeout))


def waits_if(call: Call, form: AcquireForm) -> tuple[Waiting, ...]:
    """Return the parameters of the caller that decide whether a call of ``form`` waits.

    Return nothing if anything else decides it, too.
    """
    if form.always_tries or form.result_decides or any(given.star for given in call.arguments):
        return ()
    found: list[Waiting] = []
    for argument, is_timeout in ((form.blocking, False), (form.timeout, True)):
        match argument_value(call, argument):
            case None:
                pass
            case AccessPath() as path if path.is_parameter:
                found.append(Waiting(path.root_name, is_timeout))
            case Constant() as value if Waiting("", is_timeout).allows(value):
                pass
            case _:
                return ()
    return tuple(found)


def _refused(form: AcquireForm, blocking: Operand | None, timeout: Operand | None) -> str | None:
    if not isinstance(timeout, Constant):
        return None
    value = timeout.value
    if value is None:
        return "timeout=None" if Refused.NONE_TIMEOUT in form.refuses else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    default = form.timeout.default if form.timeout else None
    if value == default:
        return None
    if Refused.UNBLOCKED_TIMEOUT in form.refuses and isinstance(blocking, Constant):
        if not blocking.value:
            return "a timeout and blocking=False"
    if Refused.NEGATIVE_TIMEOUT in form.refuses and value < 0:
        return f"the negative timeout {value}"
    return None
