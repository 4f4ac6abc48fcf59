"""The small functions that a generated program may call: they acquire or release for it."""

from __future__ import annotations

import random

from tests.oracle.scope import Style


class Helpers:
    """The helpers that a program has asked for so far, each written once."""

    def __init__(self, rng: random.Random, style: Style) -> None:
        self.rng = rng
        self.style = style
        self.bodies: dict[str, list[str]] = {}

    def lines(self) -> list[str]:
        """The definitions."""
        lines: list[str] = []
        parameter = "self" if self.style.is_method else ""
        blank = [""] if self.style.is_method else ["", ""]
        for name, body in self.bodies.items():
            lines += blank
            if name.startswith("holding"):
                lines += ["@contextlib.contextmanager"]
            names = [parameter] if parameter else []
            names += ["wanted"] if "_if_" in name else []
            lines += [f"def {name}({', '.join(names)}):", *("    " + line for line in body)]
        return lines

    def _add(self, name: str, body: list[str]) -> str:
        self.bodies.setdefault(name, body)
        return self.style.call(name)

    def others(self, number: int) -> None:
        """Functions that the program does not call: other threads run them."""
        choice = self.rng.random()
        lock = self.style.lock(number)
        if choice < 0.7:
            self._add(f"give_{number}", [f"{lock}.release()"])
        if choice > 0.4:
            self._add(f"keep_{number}", [f"{lock}.acquire()"])

    def take(self, number: int) -> str:
        """A function that acquires and returns holding."""
        name = f"take_{number}"
        if name in self.bodies:
            return self.style.call(name)
        choice = self.rng.random()
        body = [f"{self.style.lock(number)}.acquire()"]
        if choice < 0.15:
            self._add(f"really_take_{number}", body)
            body = [self.style.call(f"really_take_{number}") + "()"]
        elif choice < 0.3:
            body = ["may_raise()", *body]
        return self._add(name, body)

    def drop(self, number: int) -> str:
        """A function that releases what its caller holds."""
        return self._add(f"drop_{number}", [f"{self.style.lock(number)}.release()"])

    def take_if(self, number: int, test: str) -> str:
        """A call of a function that acquires where its argument is true."""
        body = ["if wanted:", f"    {self.style.lock(number)}.acquire()"]
        return f"{self._add(f'take_if_{number}', body)}({test})"

    def drop_if(self, number: int, test: str) -> str:
        """A call of a function that releases where its argument is true."""
        body = ["if wanted:", f"    {self.style.lock(number)}.release()"]
        return f"{self._add(f'drop_if_{number}', body)}({test})"

    def attempt(self, number: int) -> str:
        """A function that tries to acquire and says whether it did."""
        name = f"attempt_{number}"
        if name in self.bodies:
            return self.style.call(name)
        lock = self.style.lock(number)
        body = [f"return {lock}.acquire(False)"]
        if self.rng.random() < 0.3:
            body = [f"if {lock}.acquire(timeout=1):", "    return True", "return False"]
        return self._add(name, body)

    def section(self, number: int) -> str:
        """A function that acquires and releases."""
        name = f"work_{number}"
        if name in self.bodies:
            return self.style.call(name)
        lock = self.style.lock(number)
        body = [f"with {lock}:", "    may_raise()"]
        if self.rng.random() < 0.3:
            body = [f"{lock}.acquire()", "may_raise()", f"{lock}.release()"]
        return self._add(name, body)

    def holding(self, number: int) -> str:
        """A context manager around the lock; not always one that is safe."""
        name = f"holding_{number}"
        if name in self.bodies:
            return self.style.call(name)
        lock = self.style.lock(number)
        choice = self.rng.random()
        if choice < 0.5:
            body = [f"{lock}.acquire()", "try:", "    yield", "finally:", f"    {lock}.release()"]
        elif choice < 0.8:
            body = [f"with {lock}:", "    yield"]
        else:
            body = [f"{lock}.acquire()", "yield", f"{lock}.release()"]
        return self._add(name, body)
