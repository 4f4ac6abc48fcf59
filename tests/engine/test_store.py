"""Keys and blobs: what they depend on, and what is not kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from locklint.engine import store
from locklint.engine.store import MemoryStore, code, joined, packed, unpacked


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Let each test work out the digest of the code."""
    code.cache_clear()
    yield
    code.cache_clear()


@pytest.mark.parametrize("name", ["rules/__init__.py", "engine/store.py", "libcst/_version.py"])
def test_the_code_of_locklint_and_its_parser_is_in_all_keys(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = code()
    real = store._bytes_of

    def changed(path: str) -> bytes:
        assert Path(path).is_file()
        return real(path) + (b"#" if Path(path).as_posix().endswith(name) else b"")

    monkeypatch.setattr(store, "_bytes_of", changed)
    assert code() == before
    code.cache_clear()
    assert code() != before


def test_lists_of_parts_have_keys_of_their_own() -> None:
    parts: tuple[list[bytes], ...] = ([], [b""], [b"", b""], [b"a", b"b"], [b"ab"], [b"ab", b""])
    assert len({joined(each) for each in parts}) == len(parts)


def test_what_is_too_large_or_cannot_be_encoded_is_not_packed() -> None:
    data = packed(["text"], most=6)
    assert data is not None
    assert unpacked(data, 6) == b"\x91\xa4text"
    assert packed(["text"], most=5) is None
    assert packed(1 << 64) is None
    assert packed("\udc80") is None


def test_a_store_that_is_only_read_keeps_nothing() -> None:
    blobs = {b"key": b"data"}
    known = MemoryStore(blobs, is_written=False)
    known.put(b"other", b"data")
    assert (known.get(b"key"), known.get(b"other")) == (b"data", None)
    kept = MemoryStore(blobs, is_written=True)
    kept.put(b"other", b"data")
    assert kept.get(b"other") == b"data"
