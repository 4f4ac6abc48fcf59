"""Calls with their callees: the functions that run, the locks passed, and what keeps the callee."""

from __future__ import annotations

import msgspec

from locklint.frontend.callbacks import is_of_loop, kept_in, observed_in
from locklint.frontend.definitions import Definitions
from locklint.frontend.operands import Operands
from locklint.frontend.resolver import Callee
from locklint.ir.access_path import AccessPath, Root
from locklint.ir.instruction import Call
from locklint.ir.means import Use
from locklint.models.calls import DeclaredCalls, named_in
from locklint.models.events import completes_future

LOOKING = frozenset(
    f"builtins.{name}"
    for name in "bool callable getattr hasattr hash id isinstance len print repr str type".split()
)
"""Functions that look at what they are given, and keep nothing of it."""


class NamedCalls:
    """Completes the calls of one function with what was found out about their callees.

    ``declared`` are the functions of which the settings say more.
    """

    def __init__(
        self, definitions: Definitions, operands: Operands, declared: DeclaredCalls
    ) -> None:
        self._definitions = definitions
        self._operands = operands
        self._declared = declared

    def of(self, call: Call, callee: Callee) -> Call:
        """A call that names what it calls, and the locks that it passes to functions of ours."""
        if callee.targets:
            arguments = self._operands.with_locks(call.arguments)
        elif callee.external in LOOKING:
            arguments = call.arguments
        else:
            arguments = tuple(
                [self._operands.with_function(argument) for argument in call.arguments]
            )
        path = call.callee
        if path is not None and path.root is Root.TEMP:
            expanded = self._definitions.expand(path)
            if expanded is not None and expanded.is_of_super and len(expanded.fields) == 2:
                path = expanded  # The receiver is the caller's own, not what a call gave.
        return msgspec.structs.replace(
            call,
            callee=path,
            arguments=arguments,
            targets=callee.targets,
            external=callee.external,
            constructs=callee.constructs,
            overrides=callee.overrides,
            bound=callee.bound or not callee.targets,
            certain=callee.certain,
            receiver=callee.receiver,
            receiver_classes=callee.receiver_classes,
            awaited=callee.awaited,
            kept_in=self._kept_in(call, path, callee),
            observed_in=self._observed_in(call, path, callee),
            is_hook=callee.is_hook,
            possible=callee.possible,
            excluded_classes=callee.excluded_classes,
            blocks=named_in(self._declared.blocking, callee.targets, callee.external) or "",
        )

    def _kept_in(self, call: Call, path: AccessPath | None, callee: Callee) -> AccessPath | None:
        """Return the attribute that keeps what is called, or the parameter that is called.

        A result that is used otherwise than by binding that of one of several says that the call
        is no notification. Known functions are no callbacks.
        """
        if path is None:
            return None
        if callee.external is not None:
            return self._future_kept_in(path, callee.external)
        is_one_of_several = not path.fields and is_of_loop(path, self._definitions)
        is_noted = call.use is Use.BOUND and is_one_of_several and bool(call.arguments)
        if call.use is not Use.DISCARDED and not is_noted:
            return None
        if callee.targets and (callee.certain or not is_one_of_several):
            return None
        if path.is_parameter:
            return path if call.arguments else None  # `def locked(work)` is there to call that.
        return kept_in(path, self._definitions)

    def _future_kept_in(self, path: AccessPath, external: str) -> AccessPath | None:
        """Return the attribute in whose container a future is of which the callbacks are run."""
        if not path.fields or not completes_future(external):
            return None
        future = path.parent()
        if future.root is Root.SELF and len(future.fields) == 1:
            return None  # The attribute is the future itself.
        return kept_in(future, self._definitions)

    def _observed_in(
        self, call: Call, path: AccessPath | None, callee: Callee
    ) -> AccessPath | None:
        """Return the attribute that keeps the objects whose method is called.

        A function that is found for some of the objects is not that of all.
        """
        if path is None or callee.external is not None or (callee.targets and callee.certain):
            return None
        return observed_in(call, path, self._definitions)
