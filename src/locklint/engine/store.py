"""Bytes under keys: the protocol of stores, and the parts that all keys and blobs are made of.

A key contains everything that decides the bytes under it. So nothing has to be invalidated: any
difference makes another key.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import PathFinder
from typing import Protocol

import msgspec

from locklint import __version__

BYTES = ("utf-8", "surrogatepass")
"""The encoding of texts in keys: paths may hold bytes that are no text."""

FORMAT = 4
"""The version of what is stored."""

_LEAST_BYTES = 16_384
_RATIO = 24

UNDECODABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError, MemoryError)
"""The exceptions that decoding raises for foreign bytes."""


class Store(Protocol):
    """Bytes under keys, which may be lost at any time. No method raises."""

    is_written: bool
    """A sign that `put` keeps what it is given."""

    def get(self, key: bytes) -> bytes | None:
        """Return the bytes under a key. Return None if there are none that are whole."""

    def put(self, key: bytes, data: bytes) -> None:
        """Keep some bytes, in place of those that have the key."""

    def flush(self) -> None:
        """Write what was kept so far, and note what was of use."""


class MemoryStore:
    """A store that lasts as long as its table."""

    def __init__(self, blobs: dict[bytes, bytes], *, is_written: bool) -> None:
        self.blobs = blobs
        self.is_written = is_written

    def get(self, key: bytes) -> bytes | None:
        """Return the bytes under a key."""
        return self.blobs.get(key)

    def put(self, key: bytes, data: bytes) -> None:
        """Keep some bytes, if the store is written at all."""
        if self.is_written:
            self.blobs[key] = data

    def flush(self) -> None:
        """Nothing is written elsewhere."""


def digest(data: bytes) -> bytes:
    """Return a digest of some bytes: their part of a key, and their checksum."""
    return hashlib.blake2b(data, digest_size=16).digest()


def joined(parts: Iterable[bytes]) -> bytes:
    """Return one key made of several parts: no two lists of parts have the same."""
    found = hashlib.blake2b(digest_size=32)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def unpacked(data: bytes, most: int) -> bytes:
    """Return the bytes that zlib has packed. Raise `ValueError` if they are more than ``most``.

    Packed bytes can be a thousand times as many, and packed once more a million times.
    """
    decompressor = zlib.decompressobj()
    try:
        found = decompressor.decompress(data, most + 1)  # One more, to see the end.
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not decompressor.eof or len(found) > most:
        raise ValueError("it is too large or incomplete")
    return found


def most_bytes(size: int) -> int:
    """Return the largest number of bytes of facts about files of ``size`` bytes.

    Of real files it is up to a fourth of that.
    """
    return _LEAST_BYTES + _RATIO * size


def packed(value: object, *, effort: int = 1, most: int | None = None) -> bytes | None:
    """Return a value as packed bytes. Return None for one that is not worth keeping.

    Such is one of more than ``most`` bytes, and one with numbers or texts that the encoding does
    not know.
    """
    try:
        data = msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError, RecursionError):
        return None
    return None if most is not None and len(data) > most else zlib.compress(data, effort)


@lru_cache(maxsize=1)
def code() -> bytes:
    """Return a digest of locklint's own code, its parser and the interpreter: a part of every key.

    Where and when these were installed makes no difference, so that a store can be carried from one
    machine to others. All modules are read, for a changed rule must take effect at once.
    """
    parts = [repr((FORMAT, __version__, sys.implementation.name, sys.version_info)).encode()]
    package = os.path.dirname(os.path.dirname(__file__))
    for path in sorted(_modules(package)):
        parts += [path[len(package) :].replace(os.sep, "/").encode(), _bytes_of(path)]
    parser = PathFinder.find_spec("libcst")
    if parser is not None and parser.origin is not None:
        parts.append(_bytes_of(os.path.join(os.path.dirname(parser.origin), "_version.py")))
    return joined(parts)


def _modules(package: str) -> Iterator[str]:
    for folder, _, names in os.walk(package):
        yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
