"""Calls of libraries that do not return: they end the process, or raise with any arguments."""

from __future__ import annotations

from typing import NamedTuple

from locklint.models.calls import ends_by_raising, ends_process


class Ending(NamedTuple):
    """The end of a call that does not return.

    ``raises`` is the class of what it raises, empty if that is not known, and None if the process
    ends at once. ``is_failure``: a test fails or is skipped, or a state cannot be.
    """

    raises: str | None = ""
    is_failure: bool = False


NEVER = frozenset(("Never", "NoReturn"))
"""The names by which annotations say that a function does not return."""

_EXIT = Ending("SystemExit")
_AT_ONCE = Ending(None)
_HTTP = Ending("HTTPException")
_ASSERTION = Ending("AssertionError", is_failure=True)
_OUTCOME = Ending("BaseException", is_failure=True)

_ENDINGS: dict[str, Ending] = {
    "_thread.exit": _EXIT,
    "_thread.exit_thread": _EXIT,
    "ansible.module_utils.basic.AnsibleModule.exit_json": _EXIT,
    "ansible.module_utils.basic.AnsibleModule.fail_json": _EXIT,
    "argparse.ArgumentParser.error": _EXIT,
    "argparse.ArgumentParser.exit": _EXIT,
    "bottle.abort": Ending("HTTPError"),
    "click.Context.abort": Ending("Abort"),
    "click.Context.exit": Ending("Exit"),
    "click.Context.fail": Ending("UsageError"),
    "click.core.Context.abort": Ending("Abort"),
    "click.core.Context.exit": Ending("Exit"),
    "click.core.Context.fail": Ending("UsageError"),
    "flask.abort": _HTTP,
    "flask_restful.abort": _HTTP,
    "future.utils.raise_": Ending(),
    "future.utils.raise_from": Ending(),
    "future.utils.raise_with_traceback": Ending(),
    "grpc.ServicerContext.abort": Ending(),
    "grpc.ServicerContext.abort_with_status": Ending(),
    "optparse.OptionParser.error": _EXIT,
    "optparse.OptionParser.exit": _EXIT,
    "pytest.exit": _OUTCOME,
    "pytest.fail": _OUTCOME,
    "pytest.skip": _OUTCOME,
    "pytest.xfail": _OUTCOME,
    "quart.abort": _HTTP,
    "six.raise_from": Ending(),
    "six.reraise": Ending(),
    "typer.Context.abort": Ending("Abort"),
    "typer.Context.exit": Ending("Exit"),
    "typer.Context.fail": Ending("UsageError"),
    "typing.assert_never": _ASSERTION,
    "typing_extensions.assert_never": _ASSERTION,
    "werkzeug.abort": _HTTP,
    "werkzeug.exceptions.abort": _HTTP,
}

_OF_TESTS = {"fail": _ASSERTION, "skipTest": Ending("SkipTest", is_failure=True)}
"""The methods of `unittest.TestCase`, which the classes for tests of other libraries inherit."""

METHODS_WITHOUT_RETURN = frozenset(
    {name.rpartition(".")[2] for name in _ENDINGS} | set(_OF_TESTS) | {"_exit"}
)
"""The last names of functions and methods that do not return."""


def ending_of(dotted: str) -> Ending | None:
    """Return the end of a call of a library's function that does not return, else None."""
    if ends_process(dotted):
        return _EXIT if ends_by_raising(dotted) else _AT_ONCE
    owner, _, method = dotted.rpartition(".")
    if method in _OF_TESTS and owner.endswith("TestCase"):
        return _OF_TESTS[method]
    return _ENDINGS.get(dotted)
