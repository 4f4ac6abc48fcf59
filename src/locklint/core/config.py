"""Settings, decoded and checked. Nothing here reads a file or the environment.

`Config` is the one table of settings: the loader, ``locklint config``, the JSON Schema and the
documentation are made from its fields and what is said about them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from locklint.core.diagnostic import Confidence, Severity


class LockType(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A kind of lock declared by the user in ``[tool.locklint.lock-types."pkg.MyLock"]``."""

    acquire: Annotated[tuple[str, ...], Meta(description="Methods that acquire it.")] = ("acquire",)
    release: Annotated[tuple[str, ...], Meta(description="Methods that release it.")] = ("release",)
    reentrant: Annotated[bool, Meta(description="Whether its holder can take it once more.")] = (
        False
    )
    is_async: Annotated[bool, Meta(description="Whether it is acquired with `await`.")] = (
        msgspec.field(default=False, name="async")
    )
    blocking_argument: Annotated[
        str | None, Meta(description="The argument that says whether to wait.")
    ] = "blocking"
    timeout_argument: Annotated[
        str | None, Meta(description="The argument that says how long to wait.")
    ] = "timeout"
    failure: Annotated[
        Literal["false", "raises"],
        Meta(description="What an acquire that gives up does: return False, or raise."),
    ] = "false"
    context_manager: Annotated[bool, Meta(description="Whether `with` takes it.")] = True
    acquire_gives_context: Annotated[
        bool, Meta(description="Whether its acquire gives a context manager that releases it.")
    ] = False


# Where a setting counts: in the settings file nearest to each file, or in the project's root only.
FOLDER = {"scope": "folder"}
ROOT = {"scope": "root"}

Selectors = tuple[str, ...]
Names = tuple[str, ...]


class Config(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """All settings of one run."""

    extend: Annotated[
        str | None,
        Meta(
            description="Another settings file whose settings count where this one says nothing;"
            " relative to this file's folder.",
            examples=["../locklint.toml"],
            extra=FOLDER,
        ),
    ] = None
    profile: Annotated[
        Literal["default", "strict"],
        Meta(
            description="`strict` runs the rules of severity info as well, and does not lower"
            " findings in test code by one level.",
            extra=FOLDER,
        ),
    ] = "default"
    select: Annotated[
        Selectors,
        Meta(
            description="The rules that run: codes, beginnings of codes, names or ALL. Empty: those"
            " that the profile stands for.",
            examples=[["LCK1", "acquire-not-called"]],
            extra=FOLDER,
        ),
    ] = ()
    ignore: Annotated[
        Selectors, Meta(description="Rules that do not run.", examples=[["LCK105"]], extra=FOLDER)
    ] = ()
    extend_select: Annotated[
        Selectors,
        Meta(
            description="Rules that run as well as those of `select`.",
            examples=[["empty-critical-section"]],
            extra=FOLDER,
        ),
    ] = ()
    extend_ignore: Annotated[
        Selectors,
        Meta(
            description="Rules that do not run, besides those of `ignore`.",
            examples=[["LCK105"]],
            extra=FOLDER,
        ),
    ] = ()
    per_file_ignores: Annotated[
        dict[str, Selectors],
        Meta(
            description="Rules that are left out in files that match a pattern, in the language of"
            " .gitignore; a pattern after `!` speaks of all other files.",
            examples=[{"tests/**": ["LCK1"]}],
            extra=FOLDER,
        ),
    ] = {}
    min_severity: Annotated[
        Severity,
        Meta(description="Findings of less severity are left out.", extra=FOLDER),
    ] = Severity.INFO
    min_confidence: Annotated[
        Confidence,
        Meta(description="Findings of less confidence are left out.", extra=FOLDER),
    ] = Confidence.LOW
    preview: Annotated[
        bool,
        Meta(description="Whether rules that are still being tried out may run.", extra=FOLDER),
    ] = False
    fail_level: Annotated[
        Severity,
        Meta(description="The severity from which on findings make the exit status 1.", extra=ROOT),
    ] = Severity.WARNING
    exclude: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Paths that are left out, in the language of .gitignore, instead of the"
            " built-in list. A pattern with a slash is relative to the settings file's folder.",
            examples=[["legacy/", "src/*_pb2.py"]],
            extra=ROOT,
        ),
    ] = None
    extend_exclude: Annotated[
        tuple[str, ...],
        Meta(
            description="Paths that are left out besides those of `exclude`.",
            examples=[["legacy/"]],
            extra=ROOT,
        ),
    ] = ()
    force_exclude: Annotated[
        bool,
        Meta(description="Whether exclusions count for paths on the command line too.", extra=ROOT),
    ] = False
    respect_gitignore: Annotated[
        bool, Meta(description="Whether files that git ignores are left out.", extra=ROOT)
    ] = True
    baseline: Annotated[
        str | None,
        Meta(
            description="The file of findings that are known and not reported; relative to the"
            " settings file's folder.",
            examples=["locklint-baseline.txt"],
            extra=ROOT,
        ),
    ] = None
    target_version: Annotated[
        Annotated[str, Meta(pattern=r"^py3[0-9]{1,2}$")] | None,
        Meta(
            description="The oldest version of Python that the analysed code runs on.",
            examples=["py311"],
            extra=ROOT,
        ),
    ] = None
    source_roots: Annotated[
        tuple[str, ...],
        Meta(
            description="Folders from which imports start, relative to the settings file's folder.",
            examples=[["src", "lib"]],
            extra=ROOT,
        ),
    ] = ()
    lock_types: Annotated[
        dict[str, LockType],
        Meta(
            description="Further kinds of lock, by the dotted name of their class or factory.",
            examples=[{"pkg.Latch": {"acquire": ["down"], "release": ["up"]}}],
            extra=ROOT,
        ),
    ] = {}
    immediate_callers: Annotated[
        Names,
        Meta(
            description="Functions that call the functions they are given at once, in the same"
            " thread and before they return: what these do with locks counts where they are given."
            " A function or method of the analysed project may be named too.",
            examples=[["pkg.retry.run"]],
            extra=ROOT,
        ),
    ] = ()
    blocking_calls: Annotated[
        Names,
        Meta(
            description="Functions that may block for long, besides those that locklint knows."
            " Without effect so far: it is meant for rules about blocking calls under a lock"
            " (LCK4xx), which this version does not have.",
            examples=[["pkg.http.fetch"]],
            extra=ROOT,
        ),
    ] = ()
    docs_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://\S*\{(code|name)\}\S*$")] | None,
        Meta(
            description="The address of the pages of the rules, where somebody has put them;"
            " `{code}` and `{name}` stand for the rule. Formats that can link to a page do then.",
            examples=["https://docs.example.com/locklint/rules/{code}.html"],
            extra=ROOT,
        ),
    ] = None
    lock_order: Annotated[
        tuple[str, ...],
        Meta(
            description="The declared order of locks by their canonical names: what stands left of"
            " a `<` is taken first.",
            examples=[["bank.accounts_lock < bank.Account._lock"]],
            extra=ROOT,
        ),
    ] = ()

    @property
    def lock_order_pairs(self) -> tuple[tuple[str, str], ...]:
        """The declared order as pairs: the first lock of each is taken before the second."""
        return tuple(pair for text in self.lock_order for pair in order_pairs(text))


def order_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of neighbours in a text such as ``a < b < c``.

    Raises `ValueError`, with what is wrong, where it is none.
    """
    names = [name.strip() for name in text.split("<")]
    if len(names) < 2:
        raise ValueError("an order is written `first < second`")
    for name in names:
        if not name:
            raise ValueError("a name is missing beside a `<`")
        if any(letter.isspace() or letter in ">=," for letter in name):
            raise ValueError(f"`{name}` is not the name of one lock")
    if len(set(names)) < len(names):
        raise ValueError("a lock cannot come before itself")
    return tuple(pairwise(names))
