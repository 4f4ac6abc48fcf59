"""All rules, explicitly."""

from __future__ import annotations

from locklint.rule import Rule
from locklint.rules import (
    acquire_inside_try,
    acquire_not_awaited,
    acquire_not_called,
    acquire_result_ignored,
    check_then_acquire,
    empty_critical_section,
    gap_before_try,
    invalid_acquire_arguments,
    leaky_enter,
    lock_order_cycle,
    manual_acquire,
    never_released,
    release_unheld,
    self_deadlock,
    syntax_error,
    two_instances_of_one_lock_class,
    unprotected_context_manager,
    unreleased_on_exception,
    unreleased_on_path,
    useless_lock,
    with_acquire_call,
    wrong_with,
)

ALL_RULES: tuple[Rule, ...] = (
    manual_acquire.RULE,
    unreleased_on_exception.RULE,
    unreleased_on_path.RULE,
    never_released.RULE,
    gap_before_try.RULE,
    acquire_inside_try.RULE,
    release_unheld.RULE,
    unprotected_context_manager.RULE,
    leaky_enter.RULE,
    acquire_result_ignored.RULE,
    acquire_not_called.RULE,
    with_acquire_call.RULE,
    wrong_with.RULE,
    acquire_not_awaited.RULE,
    useless_lock.RULE,
    empty_critical_section.RULE,
    check_then_acquire.RULE,
    invalid_acquire_arguments.RULE,
    lock_order_cycle.RULE,
    self_deadlock.RULE,
    two_instances_of_one_lock_class.RULE,
    syntax_error.RULE,
)
