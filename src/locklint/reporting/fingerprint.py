"""An identity for findings that survives edits elsewhere in the file."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.core.source import SourceFile

_COMMENT = re.compile(r"(?:^|\s)#.*$")


def fingerprint(diagnostic: Diagnostic, source: SourceFile | None) -> str:
    """Sixteen hexadecimal digits from the rule, the function, the locks and the primary line.

    No line number goes in, so that a finding keeps its fingerprint when it moves; nor does white
    space or a comment on the line. Outside of functions the module stands for the function.
    """
    line = source.line(diagnostic.span.line) if source else ""
    module = source.module if source else diagnostic.path
    parts = (
        diagnostic.code,
        diagnostic.function or module,
        *sorted(diagnostic.locks),
        "".join(_COMMENT.sub("", line).split()),
    )
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:16]
