"""The names of locks in stories."""

from __future__ import annotations

import pytest

from locklint.analysis.lock_name import short_names

MODULES = {"app.ticker", "app.audit", "app.sub.audit", "app"}


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["app.ticker.Ticker._lock"], ["Ticker._lock"]),
        (["app.audit.lock"], ["audit.lock"]),
        (["app.audit.lock", "app.sub.audit.lock"], ["app.audit.lock", "sub.audit.lock"]),
        (["app.audit.A._lock", "app.ticker.A._lock"], ["audit.A._lock", "ticker.A._lock"]),
        (["app.audit.A.B._lock", "app.audit.C.B._lock"], ["A.B._lock", "C.B._lock"]),
        (["app.audit.Pool._locks['a.b']"], ["Pool._locks['a.b']"]),
        (["app.audit.Pool._locks[*]"], ["Pool._locks[*]"]),
        (["app.audit.main.<locals>.lock"], ["main.<locals>.lock"]),
        (["other.package.Thing._lock"], ["Thing._lock"]),
        (["other.main.<locals>.lock"], ["main.<locals>.lock"]),
        (["lock"], ["lock"]),
        ([""], [""]),
    ],
)
def test_short_names_tell_locks_apart(names: list[str], short: list[str]) -> None:
    assert list(short_names(names, MODULES).values()) == short


def test_one_name_twice_is_one_lock() -> None:
    assert short_names(["app.audit.lock"] * 2, MODULES) == {"app.audit.lock": "audit.lock"}
