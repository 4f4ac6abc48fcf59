"""Calls of libraries that do not return."""

from __future__ import annotations

from locklint.models.endings import Ending, ending_of


def test_endings() -> None:
    assert ending_of("sys.exit") == ending_of("argparse.ArgumentParser.error")
    assert ending_of("os._exit") == Ending(None)
    assert ending_of("django.test.TestCase.skipTest") == Ending("SkipTest", is_failure=True)
    assert ending_of("six.reraise") == Ending()
    assert ending_of("unittest.TestCase.assertTrue") is None
    assert ending_of("argparse.ArgumentParser.parse_args") is None
