"""Critical pairs."""

from __future__ import annotations

from locklint.analysis.critical_pair import CriticalPair
from locklint.core.source import Span
from locklint.ir.event import Event, EventKind
from locklint.ir.hierarchy import Holder


def test_an_identity_has_an_order() -> None:
    """Pairs are sorted by the texts of their identities; that of a set is in no fixed order."""
    names = [f"store:Store{number}" for number in range(20)]
    classes = frozenset(names)
    event = Event(EventKind.ACQUIRE, holder=Holder(classes))
    pair = CriticalPair("store:use", Span(1, 1, 1, 2), event, (), classes=classes)
    assert pair.identity()[-2:] == (tuple(sorted(names)), tuple(sorted(names)))
