"""Findings as a JUnit report, for servers that know tests but not linters."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from locklint.reporting import places
from locklint.reporting.interleaving import telling
from locklint.reporting.printable import printable
from locklint.reporting.summary import analysed_line

if TYPE_CHECKING:
    from locklint.core.diagnostic import Diagnostic
    from locklint.reporting.options import RenderOptions
    from locklint.reporting.results import Results

# Characters that XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(results: Results, options: RenderOptions) -> str:
    """A suite for each file and a failed case for each finding; one passing case when clean.

    Internal errors of locklint are cases with an error in a suite of their own.
    """
    root = ElementTree.Element("testsuites", name="locklint")
    for path, group in groupby(results.diagnostics, key=lambda each: each.path):
        name = places.relative(path, options)
        suite = _suite(root, name)
        for diagnostic in group:
            _failure(suite, name, diagnostic, results, options)
    if results.errors:
        suite = _suite(root, "locklint")
        for error in results.errors:
            case = _element(suite, "testcase", name=error.path, classname="locklint")
            _element(case, "error", type="internal error", message=error.message)
    if not len(root):
        suite = _suite(root, "locklint")
        case = _element(suite, "testcase", name="locklint", classname="locklint")
        _element(case, "system-out").text = analysed_line(results.statistics)
    _count(root)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return _element(root, "testsuite", name=name)


def _failure(
    suite: ElementTree.Element,
    name: str,
    diagnostic: Diagnostic,
    results: Results,
    options: RenderOptions,
) -> None:
    place = places.position(diagnostic.path, diagnostic.span, results)
    span = places.file_span(diagnostic.path, diagnostic.span, results)
    case = _element(
        suite,
        "testcase",
        name=f"{diagnostic.code} {diagnostic.name} ({place})",
        classname=name.removesuffix(".py"),
        file=name,
        line=str(span.line),
        column=str(span.column),
    )
    kind = f"{diagnostic.severity.label} {diagnostic.code}"
    failure = _element(case, "failure", type=kind, message=diagnostic.message)
    text = [f"{name}:{place}: {diagnostic.message}", *telling(diagnostic, results, options)]
    if diagnostic.help:
        text.append(f"help: {diagnostic.help}")
    failure.text = _clean("\n".join(text))


def _count(root: ElementTree.Element) -> None:
    """Set what each element holds of cases, failures and errors."""
    for element in (root, *root):
        element.set("tests", str(sum(1 for _ in element.iter("testcase"))))
        element.set("failures", str(sum(1 for _ in element.iter("failure"))))
        element.set("errors", str(sum(1 for _ in element.iter("error"))))


def _element(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    cleaned = {name: _clean(value) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, cleaned)


def _clean(text: str) -> str:
    # The commands to services are written otherwise, in the whole of the text.
    shown = "\n".join(printable(line, "utf-8") for line in text.split("\n"))
    return _FORBIDDEN.sub("\ufffd", shown)
