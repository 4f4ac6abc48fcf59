"""Selection of rules that run, and of their findings that are shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locklint.core.diagnostic import Diagnostic, Severity
from locklint.engine.did_you_mean import did_you_mean
from locklint.engine.load_config import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locklint.core.config import Config
    from locklint.engine.toml_places import Origin
    from locklint.rule import Rule

PREFIX = re.compile(r"LCK\d{0,2}")

# A file that cannot be parsed is never skipped silently, for any selection.
ALWAYS_SELECTED = frozenset({"LCK901"})

EVERY_RULE = "ALL"

_NOT_NAMED = -1


def select_rules(
    config: Config, rules: Sequence[Rule], origin: Origin | None = None
) -> tuple[Rule, ...]:
    """The rules that run under ``config``, in the order of ``rules``.

    Without ``select`` these are the rules above info that are not on request, and in the profile
    ``strict`` all rules; ``extend_select`` adds to them. Rules in preview run only with
    ``preview``. A selector is a code, the beginning of one, a name or ``ALL``. Where a rule is both
    selected and ignored, the more exact selector wins (``LCK101`` over ``LCK1`` over ``ALL``), and
    at a tie the rule is ignored. Raise `SettingsError` for a selector that matches no rule;
    ``origin`` is the file that may have it.
    """
    selected = (*config.select, *config.extend_select)
    ignored = (*config.ignore, *config.extend_ignore)
    for key, selectors in (
        ("select", config.select),
        ("extend-select", config.extend_select),
        ("ignore", config.ignore),
        ("extend-ignore", config.extend_ignore),
    ):
        for selector in selectors:
            _reject_unknown(selector, key, rules, origin)

    strict = config.profile == "strict"

    def runs(rule: Rule) -> bool:
        if rule.preview and not config.preview:
            return False
        wanted = _exactness(rule, selected)
        by_default = (rule.default or strict) and not config.select
        if rule.code in ALWAYS_SELECTED or by_default:
            wanted = max(wanted, 0)
        return wanted > _exactness(rule, ignored)

    return tuple(rule for rule in rules if runs(rule))


def explicit_codes(config: Config, rules: Iterable[Rule]) -> frozenset[str]:
    """Return the codes of the rules that are selected by name, code, prefix or ``ALL``."""
    selected = (*config.select, *config.extend_select)
    return frozenset(rule.code for rule in rules if _exactness(rule, selected) > _NOT_NAMED)


def is_shown(diagnostic: Diagnostic, config: Config, explicit: frozenset[str]) -> bool:
    """Return whether a finding of a rule that runs is shown.

    A finding may have a lower severity than its rule. One of severity info is shown only in the
    profile ``strict``, or if the code of its rule is in ``explicit`` (see `explicit_codes`).
    """
    if diagnostic.severity < config.min_severity or diagnostic.confidence < config.min_confidence:
        return False
    if config.profile == "strict":
        return True
    return diagnostic.severity > Severity.INFO or diagnostic.code in explicit


def find_rules(selector: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that one selector (code, prefix, name or ``ALL``) means; empty if none."""
    return tuple(rule for rule in rules if _exactness(rule, (selector,)) > _NOT_NAMED)


def unknown_rule(selector: str, rules: Iterable[Rule]) -> str:
    """Return a message for a selector that matches no rule, with the nearest code or name."""
    known = [word for rule in rules for word in (rule.code, rule.name)]
    return f"there is no rule `{selector}`{did_you_mean(selector, [*known, EVERY_RULE])}"


def reject_unknown_in_patterns(
    config: Config, rules: Sequence[Rule], origin: Origin | None = None
) -> None:
    """Raise `SettingsError` for a selector in ``per-file-ignores`` that matches no rule."""
    for selectors in config.per_file_ignores.values():
        for selector in selectors:
            _reject_unknown(selector, "per-file-ignores", rules, origin)


def _reject_unknown(selector: str, key: str, rules: Sequence[Rule], origin: Origin | None) -> None:
    if selector != EVERY_RULE and not find_rules(selector, rules):
        place = origin.place(key, word=selector) if origin is not None else None
        # A selector that the file does not have comes from a flag or from a file that it extends.
        start = f"{origin.at(key, word=selector)}: `{key}`" if origin and place else f"`{key}`"
        raise SettingsError(f"{start}: {unknown_rule(selector, rules)}")


def _exactness(rule: Rule, selectors: Iterable[str]) -> int:
    """Return how exactly the best of some selectors names a rule: -1 for not at all, 0 for ALL."""
    best = _NOT_NAMED
    for selector in selectors:
        if selector in (rule.code, rule.name):
            return len(rule.code)
        if PREFIX.fullmatch(selector) and rule.code.startswith(selector):
            best = max(best, len(selector))
        elif selector == EVERY_RULE:
            best = max(best, 0)
    return best
