"""Settings, decoded and checked. Nothing here reads a file or the environment.

`Config` is the one table of settings: the loader, ``locklint config``, the JSON Schema and the
documentation are made from its fields and what is said about them.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from locklint.core.diagnostic import Confidence, Severity


class LockType(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A kind of lock declared by the user in ``[tool.locklint.lock-types."pkg.MyLock"]``."""

    acquire: Annotated[tuple[str, ...], Meta(description="Methods that acquire it.")] = ("acquire",)
    release: Annotated[tuple[str, ...], Meta(description="Methods that release it.")] = ("release",)
    reentrant: Annotated[bool, Meta(description="Whether its holder can acquire it again.")] = False
    is_async: Annotated[bool, Meta(description="Whether acquiring it needs `await`.")] = (
        msgspec.field(default=False, name="async")
    )
    blocking_argument: Annotated[
        str | None, Meta(description="The argument of acquire that says whether to wait.")
    ] = "blocking"
    timeout_argument: Annotated[
        str | None, Meta(description="The argument of acquire that limits the wait.")
    ] = "timeout"
    failure: Annotated[
        Literal["false", "raises"],
        Meta(description="How a failed acquire ends: it returns False, or raises an exception."),
    ] = "false"
    context_manager: Annotated[
        bool, Meta(description="Whether `with` acquires and releases it.")
    ] = True
    acquire_gives_context: Annotated[
        bool, Meta(description="Whether acquire returns a context manager that releases it.")
    ] = False


# The source of a setting: the settings file nearest to each file, or only the project's root.
FOLDER = {"scope": "folder"}
ROOT = {"scope": "root"}

Selectors = tuple[str, ...]
Names = tuple[str, ...]


class Config(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """All settings of one run."""

    extend: Annotated[
        str | None,
        Meta(
            description="Another settings file, whose settings apply unless this file sets them."
            " The path is relative to this file's folder.",
            examples=["../locklint.toml"],
            extra=FOLDER,
        ),
    ] = None
    profile: Annotated[
        Literal["default", "strict"],
        Meta(
            description="`strict` also runs rules of severity info and those on request, and treats"
            " findings in test code like any others. `default` lowers those by one level.",
            extra=FOLDER,
        ),
    ] = "default"
    select: Annotated[
        Selectors,
        Meta(
            description="The rules to run: codes, prefixes of codes, names or ALL. If empty, those"
            " of the profile.",
            examples=[["LCK1", "acquire-not-called"]],
            extra=FOLDER,
        ),
    ] = ()
    ignore: Annotated[
        Selectors, Meta(description="Rules not to run.", examples=[["LCK105"]], extra=FOLDER)
    ] = ()
    extend_select: Annotated[
        Selectors,
        Meta(
            description="Rules to run in addition to those of `select`.",
            examples=[["empty-critical-section"]],
            extra=FOLDER,
        ),
    ] = ()
    extend_ignore: Annotated[
        Selectors,
        Meta(
            description="Rules not to run, in addition to those of `ignore`.",
            examples=[["LCK105"]],
            extra=FOLDER,
        ),
    ] = ()
    per_file_ignores: Annotated[
        dict[str, Selectors],
        Meta(
            description="Rules not to run on files that match a pattern, written as in .gitignore."
            " A pattern after `!` applies to all other files.",
            examples=[{"tests/**": ["LCK1"]}],
            extra=FOLDER,
        ),
    ] = {}
    min_severity: Annotated[
        Severity,
        Meta(description="The lowest severity to report.", extra=FOLDER),
    ] = Severity.INFO
    min_confidence: Annotated[
        Confidence,
        Meta(description="The lowest confidence to report.", extra=FOLDER),
    ] = Confidence.LOW
    preview: Annotated[
        bool,
        Meta(description="Whether to run rules that are not stable yet.", extra=FOLDER),
    ] = False
    fail_level: Annotated[
        Severity,
        Meta(description="The lowest severity that makes the exit status 1.", extra=ROOT),
    ] = Severity.WARNING
    exclude: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Paths to leave out, written as in .gitignore, instead of the built-in"
            " list. A pattern with a slash is relative to the settings file's folder.",
            examples=[["legacy/", "src/*_pb2.py"]],
            extra=ROOT,
        ),
    ] = None
    extend_exclude: Annotated[
        tuple[str, ...],
        Meta(
            description="Paths to leave out in addition to those of `exclude`.",
            examples=[["legacy/"]],
            extra=ROOT,
        ),
    ] = ()
    force_exclude: Annotated[
        bool,
        Meta(description="Whether to exclude paths that the command line names too.", extra=ROOT),
    ] = False
    respect_gitignore: Annotated[
        bool, Meta(description="Whether to leave out files that git ignores.", extra=ROOT)
    ] = True
    baseline: Annotated[
        str | None,
        Meta(
            description="The baseline: a file of known findings, which are not reported. The path"
            " is relative to the settings file's folder.",
            examples=["locklint-baseline.txt"],
            extra=ROOT,
        ),
    ] = None
    target_version: Annotated[
        Annotated[str, Meta(pattern=r"^py3[0-9]{1,2}$")] | None,
        Meta(
            description="The oldest version of Python that the code runs on. Branches for older"
            " versions, such as those of `if sys.version_info < (3, 9):`, are not analysed.",
            examples=["py311"],
            extra=ROOT,
        ),
    ] = None
    source_roots: Annotated[
        tuple[str, ...],
        Meta(
            description="Folders that imports start from, relative to the settings file's folder.",
            examples=[["src", "lib"]],
            extra=ROOT,
        ),
    ] = ()
    lock_types: Annotated[
        dict[str, LockType],
        Meta(
            description="Further kinds of lock, by the dotted name of their class or factory. A"
            " name in a module of the project that does not exist is an error.",
            examples=[{"pkg.Latch": {"acquire": ["down"], "release": ["up"]}}],
            extra=ROOT,
        ),
    ] = {}
    immediate_callers: Annotated[
        Names,
        Meta(
            description="Functions that call their callbacks immediately: in the same thread,"
            " before they return. The callbacks are then analysed as part of the call. The"
            " functions may belong to a library or to the project.",
            examples=[["pkg.retry.run"]],
            extra=ROOT,
        ),
    ] = ()
    blocking_calls: Annotated[
        Names,
        Meta(
            description="Further functions and methods that may take long, for LCK401. They may"
            " belong to a library or to the project. A call with an argument `timeout` is left"
            " out.",
            examples=[["pkg.Client.fetch"]],
            extra=ROOT,
        ),
    ] = ()
    docs_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://\S*\{(code|name)\}\S*$")] | None,
        Meta(
            description="The address of the rules' pages, with `{code}` or `{name}` for the rule."
            " Output formats that can hold a link then link to them. By default there are no"
            " links: `locklint rule CODE` prints a page, and SARIF holds all of them.",
            examples=["https://docs.example.com/locklint/rules/{code}.html"],
            extra=ROOT,
        ),
    ] = None
    lock_order: Annotated[
        tuple[str, ...],
        Meta(
            description="The order in which locks must be acquired: the lock to the left of `<`"
            " first. Use the name that `locklint graph` shows, or the end of it. A name that"
            " matches no lock of the project is an error.",
            examples=[["bank.accounts_lock < bank.Account._lock"]],
            extra=ROOT,
        ),
    ] = ()

    @property
    def oldest_minor(self) -> int:
        """The minor version of the oldest Python 3 that the code runs on."""
        return int(self.target_version.removeprefix("py3")) if self.target_version else 0

    @property
    def lock_order_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the declared order as pairs: the lock to acquire first, and the other."""
        return tuple(pair for text in self.lock_order for pair in order_pairs(text))


def order_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of neighbours in a text such as ``a < b < c``.

    Raise `ValueError`, with the reason, if it is none.
    """
    names = [name.strip() for name in text.split("<")]
    if len(names) < 2:
        raise ValueError("write an order as `first < second`")
    for name in names:
        if not name:
            raise ValueError("a name is missing next to `<`")
        if any(letter.isspace() or letter in ">=," for letter in name):
            raise ValueError(f"`{name}` is not the name of one lock")
    if len(set(names)) < len(names):
        raise ValueError("a lock cannot come before itself")
    return tuple(pairwise(names))


def scope_of(key: str) -> str:
    """Return the scope of a setting: ``folder``, or ``root`` for the project's root only."""
    return _scopes()[key]


@cache
def _scopes() -> dict[str, str]:
    info = msgspec.inspect.type_info(Config)
    assert isinstance(info, msgspec.inspect.StructType)
    return {
        field.encode_name: (field.type.extra or {})["scope"]
        for field in info.fields
        if isinstance(field.type, msgspec.inspect.Metadata)
    }
