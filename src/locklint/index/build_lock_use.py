"""Which names and with items may touch a lock: it decides which functions are lowered.

To miss one here is to miss a finding, to let too many pass costs only time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from locklint.index.build_values import dotted_names

_LOCK_WORD = re.compile(
    r"acquire|(^|_)release($|_)|^(w|r|write|read)?_?(un)?locked$|^(r|w|read|write)?_?unlock"
    r"|^__a?(enter|exit)__$|^enter_(async_)?context$"
    r"|^notify(_all|All)?$|^wait(_for)?$"
)

_OTHER_METHODS = frozenset(
    "open raises warns subTest assertRaises assertRaisesRegex assertRaisesRegexp assertWarns"
    " assertWarnsRegex assertLogs assertNoLogs assertNumQueries assertRaisesMessage"
    " catch_warnings suppress setattr".split()
)
"""Last names of calls that give a context manager which is no lock, whatever they belong to."""

_OTHER_BUILTINS = frozenset(("open", "memoryview"))

_OTHER_PACKAGES = frozenset(
    "bz2 cProfile codecs cgitb decimal fileinput ftplib gzip http imaplib io lzma mmap"
    " mailbox nntplib os pathlib poplib profile selectors shelve smtplib socket socketserver"
    " sqlite3 subprocess tarfile telnetlib tempfile test tokenize tracemalloc unittest urllib"
    " warnings wave winreg xmlrpc zipfile pytest numpy torch h5py PIL requests httpx tqdm"
    " pandas matplotlib click rich".split()
)
"""Packages none of whose context managers are locks."""

_known_words: dict[str, bool] = {}


def is_lock_word(name: str) -> bool:
    """Whether an attribute or name may be a method that acquires, releases, waits or notifies."""
    known = _known_words.get(name)
    if known is None:
        if len(_known_words) > 100_000:
            _known_words.clear()
        known = _known_words[name] = _LOCK_WORD.search(name) is not None
    return known


def is_lock_test(test: ast.expr) -> bool:
    """Whether a condition may test a lock object itself; the name only decides where to look."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return isinstance(name, str) and name.lower().endswith(("lock", "mutex", "semaphore"))


def may_be_lock(item: ast.expr, imports: Mapping[str, str]) -> bool:
    """Whether a with item may be a lock; ``imports`` are those of the module."""
    if item.__class__ is not ast.Call:
        return item.__class__ is not ast.Constant
    callee = item.func
    names = dotted_names(callee)
    if names is None:
        return not (isinstance(callee, ast.Attribute) and callee.attr in _OTHER_METHODS)
    if names[-1] in _OTHER_METHODS and (len(names) > 1 or names[0] in imports):
        return False
    if names[0] in imports:
        return imports[names[0]].partition(".")[0] not in _OTHER_PACKAGES
    return not (len(names) == 1 and names[0] in _OTHER_BUILTINS)
