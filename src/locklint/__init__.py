"""locklint: a static analyser for lock safety in Python."""

__version__ = "0.1.0"
