"""## What it does

Finds import statements that run while a lock is held, of modules that the module does not import at
its top.

## Why is this bad?

The first import of a module runs its code, for as long as that takes, and holds the lock that the
interpreter has for this module. If that code, or what it imports, acquires the same lock, the
thread waits for itself. If another thread imports the module while its code needs the lock, two
threads wait for each other.

## Example

```python
import threading

lock = threading.Lock()
readers = {}


def reader(name):
    with lock:
        if name not in readers:
            import tomllib

            readers[name] = tomllib.load
        return readers[name]
```

## Use instead

```python
import threading
import tomllib

lock = threading.Lock()
readers = {}


def reader(name):
    with lock:
        if name not in readers:
            readers[name] = tomllib.load
        return readers[name]
```

Where a module can be imported only late, import it before the lock is acquired.

## Known limits

Only the function that holds the lock is looked at, not its callees. Whether the module is loaded
already by other code is not known, so the finding is info. Calls of `importlib.import_module` are
not looked at.

## References

- [The import statement](https://docs.python.org/3/reference/simple_stmts.html#the-import-statement)
- [Importing in threaded code](https://docs.python.org/3/library/threading.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from locklint.analysis.critical_pair import CriticalPair, best_by_place
from locklint.analysis.deadlock_story import Story
from locklint.analysis.program import Program
from locklint.analysis.story import display_name
from locklint.core.diagnostic import Diagnostic, Severity
from locklint.ir.event import EventKind
from locklint.ir.lock import LockRole
from locklint.rule import Rule


def check(program: Program) -> Iterator[Diagnostic]:
    """Report each import statement under a lock."""
    for key in sorted(program.composition.pairs):
        function = program.functions[key]
        loaded = program.top_imports.get(function.path, ())
        pairs = filter(_is_under_lock, program.composition.pairs[key])
        for pair in best_by_place(pair for pair in pairs if pair.event.name not in loaded):
            lock = pair.held[-1].lock
            story = Story(program, pair)
            yield RULE.finding(
                function,
                pair.span,
                f"`{pair.event.name}` is imported while `{display_name(lock)}` is held",
                locks=(lock,),
                steps=[*story.steps("runs the code of the module"), *story.made(lock)],
                help="import it at the top of the module, or before the lock is acquired",
            )


def _is_under_lock(pair: CriticalPair) -> bool:
    return (
        pair.event.kind is EventKind.IMPORT
        and pair.inner is None
        and bool(pair.held)
        and pair.held[-1].lock.kind.role is not LockRole.SEMAPHORE
    )


RULE = Rule(
    code="LCK403",
    name="import-under-lock",
    severity=Severity.INFO,
    summary="an import statement runs while a lock is held",
    page=__doc__,
    wants=frozenset({EventKind.IMPORT}),
    check=check,
)
