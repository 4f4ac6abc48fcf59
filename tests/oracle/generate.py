"""Random small lock programs, as `execute` runs them and as people write them.

A program is text: a few locks, sometimes a few helpers that acquire or release for it, and one
function (or method) ``program``. The same seed gives the same program. Names are bound before they
are used on every path, so that no path fails for a reason that has nothing to do with locks.
"""

from __future__ import annotations

import random
from dataclasses import replace

from tests.oracle.scope import Scope
from tests.oracle.writer import HANDLERS, Options, Writer, ends, indent


def generate(seed: int, options: Options | None = None) -> str:
    """The program of that seed."""
    options = options or Options()
    if options.one_function:
        options = replace(options, without=options.without | {"helper"})
    return _Statements(random.Random(seed), options, STATEMENTS).program()


class _Statements(Writer):
    """The kinds of statement. Each returns its lines; none where it does not fit."""

    def by_hand(self, scope: Scope) -> list[str]:
        if scope.held and self.rng.random() < 0.7:
            return [self.release(self.held_lock(scope), scope)]
        if self.rng.random() < 0.05:
            return [self.release(self.held_lock(scope), scope)]
        return [self.acquire(self.free_lock(scope), scope)]

    def may_raise(self, scope: Scope) -> list[str]:
        return ["may_raise()"]

    def harmless(self, scope: Scope) -> list[str]:
        return self.filler()

    def leave(self, scope: Scope) -> list[str]:
        return [self.way_out(scope)]

    def leave_maybe(self, scope: Scope) -> list[str]:
        return [f"if {self.condition(scope)}:", *indent([self.way_out(scope)])]

    def section(self, scope: Scope) -> list[str]:
        """Acquire, do something, release."""
        number = self.free_lock(scope)
        lines = [self.acquire(number, scope), *self.block(self.guarded(scope, number))]
        return lines if ends(lines) else [*lines, self.release(number, scope)]

    def section_with_finally(self, scope: Scope) -> list[str]:
        number = self.free_lock(scope)
        inside = self.rng.random() < 0.1
        first = self.acquire(number, scope)
        body = self.block(self.guarded(scope, number))
        handlers = self.handlers(scope) if self.rng.random() < 0.2 else []
        lines = [first, "try:"] if not inside else ["try:", *indent([first])]
        lines += indent(body) + handlers + ["finally:"]
        return lines + indent([self.release(number, scope)])

    def section_with_handler(self, scope: Scope) -> list[str]:
        """Release in the handler, go on raising, and release after it."""
        number = self.free_lock(scope)
        lines = [self.acquire(number, scope), "try:"]
        lines += indent(self.block(self.guarded(scope, number)))
        (handler,) = self.rng.choices([h for h, _ in HANDLERS], [w for _, w in HANDLERS])
        lines += [handler, *indent([self.release(number, scope.inner())])]
        if self.rng.random() < 0.8:
            lines += indent([self.rng.choice(("raise", "raise", "return", "return False"))])
        if self.rng.random() < 0.4:
            return [*lines, "else:", *indent([self.release(number, scope)])]
        return [*lines, self.release(number, scope)]

    def with_lock(self, scope: Scope) -> list[str]:
        number = self.free_lock(scope)
        items = [self.lock(number, scope)]
        inner = scope.inner()
        if self.uses_helper(0.15):
            items = [self.helpers.holding(number) + "()"]
        inner.held.append(number)
        if self.rng.random() < 0.15:
            second = self.free_lock(inner)
            inner.held.append(second)
            items.append(self.lock(second, scope))
        return [f"with {', '.join(items)}:", *indent(self.block(self.guarded(inner, number)))]

    def branch(self, scope: Scope) -> list[str]:
        lines = [f"if {self.condition(scope)}:", *indent(self.block(scope.inner()))]
        if self.rng.random() < 0.25:
            lines += [f"elif {self.condition(scope)}:", *indent(self.block(scope.inner()))]
        if self.rng.random() < 0.5:
            lines += ["else:", *indent(self.block(scope.inner()))]
        return lines

    def loop(self, scope: Scope) -> list[str]:
        if self.rng.random() < 0.5:
            head = "for item in items:"
        else:
            head = "while True:" if self.rng.random() < 0.25 else f"while {self.condition(scope)}:"
        lines = [head, *indent(self.block(scope.inner(in_loop=True)))]
        if self.rng.random() < 0.2:
            lines += ["else:", *indent(self.block(scope.inner()))]
        return lines

    def handlers(self, scope: Scope) -> list[str]:
        lines: list[str] = []
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            (handler,) = self.rng.choices([h for h, _ in HANDLERS], [w for _, w in HANDLERS])
            lines += [handler, *indent(self.block(scope.inner(in_handler=True, in_cleanup=True)))]
            if handler == "except:":
                break
        return lines

    def attempt(self, scope: Scope) -> list[str]:
        body = indent(self.block(scope.inner()))
        choice = self.rng.random()
        lines = ["try:", *body]
        if choice < 0.7:
            lines += self.handlers(scope)
            if self.rng.random() < 0.25:
                lines += ["else:", *indent(self.block(scope.inner()))]
        if choice > 0.45:
            lines += [
                "finally:",
                *indent(self.block(scope.inner(in_handler=False, in_cleanup=True))),
            ]
        return lines

    def try_then(self, scope: Scope) -> list[str]:
        """``if lock.acquire(False): …`` in several spellings."""
        number = self.free_lock(scope)
        call = self.try_acquire(number, scope)
        inner = scope.inner()
        test = call
        choice = self.rng.random()
        if choice < 0.15:
            name = self.variable(scope)
            test = f"({name} := {call})"
            self.bind(scope, name)
            self.bind(inner, name)
        elif choice < 0.3:
            test = f"{self.rng.choice(scope.truths)} and {call}"
        elif choice < 0.35:
            test = f"{call} and {self.rng.choice(('choose()', *scope.truths))}"
        elif choice < 0.4:
            test = f"{call} is True"
        inner.held.append(number)
        body = self.block(self.guarded(inner, number))
        if self.rng.random() < 0.4:
            body = ["try:", *indent(body), "finally:", *indent([self.release(number, inner)])]
        elif not ends(body) and self.rng.random() < 0.85:
            body.append(self.release(number, inner))
        lines = [f"if {test}:", *indent(body)]
        if self.rng.random() < 0.3:
            lines += ["else:", *indent(self.block(scope.inner()))]
        return lines

    def try_or_leave(self, scope: Scope) -> list[str]:
        """``if not lock.acquire(timeout=1): return``, and its like."""
        number = self.free_lock(scope)
        call = self.try_acquire(number, scope)
        choice = self.rng.random()
        lines: list[str] = []
        if choice < 0.45:
            test = f"not {call}"
        elif choice < 0.6:
            test = f"not {self.rng.choice(scope.truths)} or not {call}"
        elif choice < 0.75:
            name = self.variable(scope)
            lines = [f"{name} = {call}"]
            self.bind(scope, name)
            test = self.rng.choice((f"not {name}", f"{name} is False"))
        elif choice < 0.85:
            scope.held.append(number)
            return [f"while not {call}:", *indent(self.filler())]
        elif choice < 0.93:
            scope.held.append(number)
            return ["while True:", *indent([f"if {call}:", *indent(["break"])])]
        else:
            scope.held.append(number)
            return [f"assert {call}"]
        lines += [f"if {test}:", *indent([self.way_out(scope)])]
        scope.held.append(number)
        return lines

    def try_and_remember(self, scope: Scope) -> list[str]:
        """``got = lock.acquire(False)``, and later ``if got: lock.release()``."""
        number = self.free_lock(scope)
        call = self.try_acquire(number, scope)
        name = self.variable(scope)
        choice = self.rng.random()
        if choice < 0.15:
            call = f"{self.rng.choice(scope.truths)} and {call}"
        elif choice < 0.25:
            call = f"{call} if {self.condition(scope)} else False"
        lines = [f"{name} = {call}"]
        self.bind(scope, name)
        release = [f"if {name}:", *indent([self.release(number, scope.inner())])]
        if self.rng.random() < 0.2:
            lines += [f"assert {name}"]
        elif self.rng.random() < 0.1:
            lines += [f"if {name}:", *indent(self.block(scope.inner()))]
        body = self.block(scope.inner())
        if self.rng.random() < 0.5:
            return [*lines, "try:", *indent(body), "finally:", *indent(release)]
        lines += body
        return lines if ends(lines) else lines + release

    def try_and_ignore(self, scope: Scope) -> list[str]:
        number = self.free_lock(scope)
        scope.held.append(number)
        return [self.try_acquire(number, scope)]

    def flag(self, scope: Scope) -> list[str]:
        """``held = False … held = True … if held: release``."""
        number = self.free_lock(scope)
        name = self.fresh("held")
        lines = [f"{name} = False"]
        self.bind(scope, name)
        take = [self.acquire(number, scope.inner()), f"{name} = True"]
        if self.rng.random() < 0.1:
            take.reverse()
        if self.rng.random() < 0.6:
            take = [f"if {self.condition(scope)}:", *indent(take)]
        release = [f"if {name}:", *indent([self.release(number, scope.inner())])]
        body = take + self.block(scope.inner())
        if self.rng.random() < 0.6:
            return [*lines, "try:", *indent(body), "finally:", *indent(release)]
        lines += body
        return lines if ends(lines) else lines + release

    def same_condition(self, scope: Scope) -> list[str]:
        """``if c0: acquire … if c0: release``, either of them perhaps in a helper."""
        number = self.free_lock(scope)
        test = self.rng.choice(("c0", "c1", "not c0", *scope.truths))
        lines = [f"if {test}:", *indent([self.acquire(number, scope.inner())])]
        release = [f"if {test}:", *indent([self.release(number, scope.inner())])]
        if not self.options.one_function:
            lines = [self.helpers.take_if(number, test)] if self.uses_helper(0.3) else lines
            release = [self.helpers.drop_if(number, test)] if self.uses_helper(0.3) else release
        body = self.block(scope.inner())
        if self.rng.random() < 0.4:
            return [*lines, "try:", *indent(body), "finally:", *indent(release)]
        lines += body
        return lines if ends(lines) else lines + release

    def assign_truth(self, scope: Scope) -> list[str]:
        name = self.rng.choice((*scope.truths, self.fresh("flag")))
        old = self.rng.choice(scope.truths)
        values = ("True", "False", "None", "choose()", "choose()", old, f"not {old}")
        value = self.rng.choice(values)
        self.bind(scope, name)
        return [f"{name} = {value}"]

    def alias(self, scope: Scope) -> list[str]:
        number = self.rng.randrange(len(self.style.reentrant))
        name = self.fresh("lock")
        line = f"{name} = {self.lock(number, scope)}"
        scope.aliases = (*scope.aliases, (name, number))
        return [line]

    def bound_method(self, scope: Scope) -> list[str]:
        number = self.held_lock(scope)
        name = self.fresh("give_back")
        scope.releases = (*scope.releases, (name, number))
        return [f"{name} = {self.lock(number, scope)}.release"]

    def nested_function(self, scope: Scope) -> list[str]:
        """A function that nobody calls."""
        inner = Scope(("c0", "c1"))
        name = self.fresh("later")
        first = self.acquire(self.free_lock(inner), inner)
        rest = self.rng.choice((["may_raise()"], [self.release(self.held_lock(inner), inner)], []))
        return [f"def {name}():", *indent([first, *rest])]

    def match(self, scope: Scope) -> list[str]:
        lines = ["match pick():"]
        for number in range(self.rng.choice((1, 2, 2))):
            lines += indent([f"case {number}:", *indent(self.block(scope.inner()))])
        if self.rng.random() < 0.5:
            lines += indent(["case _:", *indent(self.block(scope.inner()))])
        return lines

    def suppress(self, scope: Scope) -> list[str]:
        what = self.rng.choice(("ValueError", "ValueError", "Exception", "KeyError, ValueError"))
        return [f"with contextlib.suppress({what}):", *indent(self.block(scope.inner()))]

    def exit_stack(self, scope: Scope) -> list[str]:
        name = self.fresh("stack")
        inner = scope.inner(stack=name)
        lines = [f"with contextlib.ExitStack() as {name}:"]
        body = self.on_stack(inner)
        if self.rng.random() < 0.3:
            body = [f"if {self.condition(scope)}:", *indent(body)]
        return lines + indent(body + self.block(inner))

    def on_stack(self, scope: Scope) -> list[str]:
        if scope.stack is None:
            return []
        number = self.free_lock(scope)
        lock = self.lock(number, scope)
        choice = self.rng.random()
        if choice < 0.5:
            scope.held.append(number)
            return [f"{scope.stack}.enter_context({lock})"]
        first = self.acquire(number, scope)
        if choice < 0.9:
            return [first, f"{scope.stack}.callback({lock}.release)"]
        return [f"{scope.stack}.callback({lock}.release)", first]

    def helper(self, scope: Scope) -> list[str]:
        number = self.free_lock(scope)
        choice = self.rng.random()
        if choice < 0.35:
            scope.held.append(number)
            return [self.helpers.take(number) + "()"]
        if choice < 0.7:
            number = self.held_lock(scope)
            if number in scope.held:
                scope.held.remove(number)
            return [self.helpers.drop(number) + "()"]
        return [self.helpers.section(number) + "()"]

    def signal(self, scope: Scope) -> list[str]:
        """Acquire, and wait with the same lock until somebody else releases it."""
        number = self.free_lock(scope)
        first = self.acquire(number, scope)
        body = self.block(self.guarded(scope, number)) if self.rng.random() < 0.5 else []
        if ends(body):
            return [first, *body]
        lock = self.lock(number, scope)
        wait = self.rng.choice(([f"{lock}.acquire()"], [f"with {lock}:", *indent(self.filler())]))
        return [first, *body, *wait]

    def turns(self, scope: Scope) -> list[str]:
        """Each turn acquires one lock and releases another, for threads that take turns."""
        first, second = self.free_lock(scope), self.rng.randrange(len(self.style.reentrant))
        inner = scope.inner(in_loop=True)
        body = [self.acquire(first, inner), *self.filler(), self.release(second, inner)]
        return [self.rng.choice(("for item in items:", "while choose():")), *indent(body)]

    def switch(self, scope: Scope) -> list[str]:
        """Some turns acquire, and some release."""
        number = self.free_lock(scope)
        inner = scope.inner(in_loop=True)
        on = [f"if {self.condition(scope)}:", *indent([self.acquire(number, inner)])]
        rest = self.rng.choice(("else:", f"elif {self.condition(scope)}:"))
        off = [rest, *indent([self.release(number, inner)])]
        more = self.filler() if self.rng.random() < 0.5 else []
        return [
            self.rng.choice(("for item in items:", "while choose():")),
            *indent(on + off + more),
        ]

    def two_tries(self, scope: Scope) -> list[str]:
        """Both locks, or none."""
        first, second = self.free_lock(scope), self.free_lock(scope)
        if first == second:
            return []
        one, two = self.try_acquire(first, scope), self.try_acquire(second, scope)
        inner = scope.inner()
        inner.held += [first, second]
        body = self.block(self.guarded(inner, first))
        if not ends(body):
            body += [self.release(second, inner), self.release(first, inner)]
        return [f"if {one} and {two}:", *indent(body)]


STATEMENTS: dict[str, int] = {
    "by_hand": 14,
    "may_raise": 12,
    "harmless": 2,
    "leave": 2,
    "leave_maybe": 5,
    "section": 7,
    "section_with_finally": 8,
    "section_with_handler": 5,
    "with_lock": 8,
    "branch": 6,
    "loop": 5,
    "attempt": 6,
    "try_then": 6,
    "try_or_leave": 6,
    "try_and_remember": 7,
    "try_and_ignore": 1,
    "flag": 4,
    "same_condition": 4,
    "signal": 1,
    "turns": 1,
    "switch": 1,
    "assign_truth": 3,
    "alias": 2,
    "bound_method": 2,
    "nested_function": 1,
    "match": 2,
    "suppress": 2,
    "exit_stack": 3,
    "on_stack": 2,
    "helper": 3,
    "two_tries": 2,
}
