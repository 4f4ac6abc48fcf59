"""Whether the text of a function lets it return."""

from __future__ import annotations

import pytest

from tests.index.test_build import index


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ("raise ValueError", ()),
        ("while True: pass", ()),
        ("assert False, 'never'", ()),
        ("return self.stop(1)", ("self.stop",)),
        ("print(1); sys.exit(2)", ("sys.exit",)),
        ("app.parser.exit(2)", ("app.parser.exit",)),
        ("if x: raise ValueError\n  else: stop()", ("stop",)),
        ("if x: return stop()\n  raise ValueError", ("stop",)),
        ("try: raise ValueError\n  finally: self.close()", ()),
        ("try: run()\n  except ValueError: raise", ("run",)),
        ("with x: raise ValueError", ()),
        ("match x:\n    case 1: raise ValueError\n    case _: stop()", ("stop",)),
        ("pass", None),
        ("if x: raise ValueError", None),
        ("if x: return\n  raise ValueError", None),
        ("while True:\n    if x: break", None),
        ("while x: raise ValueError", None),
        ("app.log.close()", None),
        ("try: raise ValueError\n  except ValueError: pass", None),
        ("match x:\n    case 1: raise ValueError", None),
        ("for x in y: raise ValueError", None),
    ],
)
def test_ends(body: str, ends: tuple[str, ...] | None) -> None:
    text = f"def f(x):\n  {body}\n"
    assert index(text).functions["f"].ends == ends


def test_an_annotation_says_that_it_never_returns() -> None:
    for annotation in ("NoReturn", "typing.Never", "'NoReturn'"):
        assert index(f"def f() -> {annotation}: print()").functions["f"].ends == ()
