"""Lay the files of a new rule: ``python3 scripts/new_rule.py LCK299 name-of-the-rule``.

Writes the rule, its Markdown suite, and its lines in the registry, the README and the changelog.
The rule finds nothing yet, so that the first section of the suite fails until the rule is written.
Uses the standard library alone. The exit status is 2 if nothing was written.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_CODE = re.compile(r"LCK[1-9]\d{2}")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_STATED = re.compile(r'^    (code|name)="([^"]+)"', re.MULTILINE)
_ROW = re.compile(r"^\| (LCK\d{3}) \|.*$", re.MULTILINE)

_RULE = '''\
"""## What it does

Finds …

## Why is this bad?

…

## Example

```python
import threading

lock = threading.Lock()
```

## Use instead

```python
import threading

lock = threading.Lock()
```

## Known limits

…

## References

- [threading](https://docs.python.org/3/library/threading.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.program import Program
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each …."""
    yield from ()


RULE = Rule(
    code="@CODE@",
    name="@NAME@",
    severity=Severity.WARNING,
    summary="…",
    page=__doc__,
    preview=True,
    check=check,
)
'''

_SUITE = """\
# @CODE@ @NAME@

```toml
select = ["@CODE@"]
preview = true
```

## Reported: …

```py
import threading

lock = threading.Lock()


def faulty():
    lock.acquire()  # warning: [@CODE@]
```

## Silent: …

```py
import threading

lock = threading.Lock()


def correct():
    with lock:
        pass
```
"""


class Refused(Exception):
    """The files cannot be laid; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Lay the files that the command line asks for."""
    parser = argparse.ArgumentParser(description="Lay the files of a new rule.")
    parser.add_argument("code", help="LCK and three digits, such as LCK299")
    parser.add_argument("name", help="words joined by hyphens, such as name-of-the-rule")
    given = parser.parse_args(arguments)
    try:
        files = laid(ROOT, given.code, given.name)
    except Refused as refusal:
        print(f"nothing was written: {refusal}", file=sys.stderr)
        return 2
    for path, text in files.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(ROOT))
    print("Next: write the suite, then the rule; replace each …; run python3 scripts/docs.py.")
    return 0


def laid(root: Path, code: str, name: str) -> dict[Path, str]:
    """Return the text of each file to write.

    Raise Refused if the code or the name is malformed or exists, or if a file has an unknown form.
    """
    if not _CODE.fullmatch(code):
        raise Refused(f"{code!r} is no code: write LCK and three digits")
    if not _NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name: write lower-case words, joined by hyphens")
    rules = root / "src" / "locklint" / "rules"
    module = name.replace("-", "_")
    suite = root / "tests" / "mdtest" / f"{code}.md"
    codes: dict[str, str] = {}  # By module.
    for path in sorted(rules.glob("*.py")):
        stated = dict(_STATED.findall(path.read_text(encoding="utf-8")))
        if code == stated.get("code") or name == stated.get("name"):
            raise Refused(f"{path.relative_to(root)} has that code or name")
        if "code" in stated:
            codes[path.stem] = stated["code"]
    for path in (rules / f"{module}.py", suite):
        if path.exists():
            raise Refused(f"{path.relative_to(root)} exists")
    registry, readme, changelog = rules / "__init__.py", root / "README.md", root / "CHANGELOG.md"
    entry = f"- {code} {name}, a preview: …"
    files = {
        registry: _registered(registry.read_text(encoding="utf-8"), code, module, codes),
        readme: _with_row(readme.read_text(encoding="utf-8"), code, name),
        changelog: _with_entry(changelog.read_text(encoding="utf-8"), entry),
    }
    for path, template in ((rules / f"{module}.py", _RULE), (suite, _SUITE)):
        files[path] = template.replace("@CODE@", code).replace("@NAME@", name)
    return files


def _registered(text: str, code: str, module: str, codes: dict[str, str]) -> str:
    """Return the registry with the import in order of names, and the rule in order of codes."""
    head, opened, rest = text.partition("from locklint.rules import (\n")
    imports, closed, tail = rest.partition(")\n")
    middle, table, entries = tail.partition("ALL_RULES: tuple[Rule, ...] = (\n")
    if not (opened and closed and table):
        raise Refused("the registry in rules/__init__.py has an unknown form")
    imported = sorted([*imports.splitlines(), f"    {module},"])
    lines = entries.splitlines()
    place = sum(codes.get(line.strip().removesuffix(".RULE,"), "~") < code for line in lines)
    lines.insert(place, f"    {module}.RULE,")
    imports, entries = ("".join(f"{line}\n" for line in each) for each in (imported, lines))
    return head + opened + imports + closed + middle + table + entries


def _with_row(text: str, code: str, name: str) -> str:
    """Return the README with a row in the table of rules, in order of codes."""
    rows = list(_ROW.finditer(text))
    if not rows:
        raise Refused("README.md has no table of rules")
    row = f"| {code} | {name} (preview) | … |\n"
    later = next((match.start() for match in rows if match[1] > code), rows[-1].end() + 1)
    return text[:later] + row + text[later:]


def _with_entry(text: str, entry: str) -> str:
    """Return the changelog with an entry at the end of what the next release adds."""
    head, title, rest = text.partition("## [Unreleased]\n")
    if not title:
        raise Refused("CHANGELOG.md has no section [Unreleased]")
    section, following, others = rest.partition("\n## [")
    before, added, entries = section.partition("### Added\n\n")
    if added:
        own, blank, after = entries.partition("\n\n")
        section = f"{before}{added}{own.rstrip()}\n{entry}\n{blank[1:]}{after}"
    else:
        section = f"\n### Added\n\n{entry}\n{section}"
    return head + title + section + following + others


if __name__ == "__main__":
    sys.exit(main())
