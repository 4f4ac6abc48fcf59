"""`match` statements."""

from __future__ import annotations

import libcst as cst

from locklint.core.source import Span
from locklint.frontend.lower_context import Lowering
from locklint.frontend.lower_path import constant, mentions
from locklint.frontend.lower_target import store_name
from locklint.ir.access_path import ANY_ELEMENT, AccessPath
from locklint.ir.instruction import BlockId, Constant, Operand, Operate, Unknown
from locklint.ir.means import OperateKind
from locklint.ir.terminator import Condition, Equals, IsNone, Opaque


def lower_match(low: Lowering, node: cst.Match) -> None:
    """The cases in order: pattern, captures, guard, body."""
    graph = low.graph
    subject = low.value(node.subject)
    after = graph.new_block()
    for case in node.cases:
        following, body = graph.new_block(), graph.new_block()
        span = low.session.spans.of(node.subject) or low.span(node)
        _pattern(low, case.pattern, subject, span, following)
        if case.guard is not None and graph.reachable:
            low.condition(case.guard, body, following)
        else:
            graph.jump(body)
        graph.start(body)
        low.body(case.body)
        graph.jump(after)
        graph.start(following)
    graph.jump(after)
    graph.start(after)


def _pattern(
    low: Lowering, pattern: cst.MatchPattern, subject: Operand, span: Span, otherwise: BlockId
) -> None:
    """Continue where the pattern matches, with its names bound; else to ``otherwise``."""
    graph = low.graph
    match pattern:
        case cst.MatchAs(pattern=inner, name=name):
            if inner is not None:
                _pattern(low, inner, subject, span, otherwise)
            if name is not None:
                store_name(low, name.value, subject, span)
            return
        case cst.MatchOr(patterns=alternatives):
            matched = graph.new_block()
            for alternative in alternatives:
                following = graph.new_block()
                _pattern(low, alternative.pattern, subject, span, following)
                graph.jump(matched)
                graph.start(following)
            graph.jump(otherwise)
            graph.start(matched)
            return
    condition = _test(low, pattern, subject, span)
    matched = graph.new_block()
    if isinstance(condition, bool):
        graph.jump(matched if condition else otherwise)
    else:
        graph.branch(span, condition, matched, otherwise)
    graph.start(matched)
    for captured in _captured(pattern):
        store_name(low, captured, Unknown(mentions(subject)), span)


def _test(
    low: Lowering, pattern: cst.MatchPattern, subject: Operand, span: Span
) -> Condition | bool:
    """Return whether the pattern matches; true or false where that is known."""
    value = None
    if isinstance(pattern, (cst.MatchValue, cst.MatchSingleton)):
        value = constant(pattern.value)
        if value is None:
            low.value(pattern.value)
    if value is None:
        tested: tuple[Operand, ...] = ()
        if isinstance(pattern, cst.MatchClass):
            tested = (subject, low.value(pattern.cls))
        low.emit(Operate(span, OperateKind.MATCH, values=tested))
        return Opaque(None, mentions(subject))
    if isinstance(subject, Constant):
        return subject.value == value.value
    if not isinstance(subject, AccessPath) or subject.last == ANY_ELEMENT:
        return Opaque(None, mentions(subject))
    return IsNone(subject) if value == Constant(None) else Equals(subject, value)


def _captured(pattern: cst.MatchPattern) -> list[str]:
    """The names that a pattern binds, in order."""
    names: list[str] = []
    stack: list[cst.CSTNode] = [pattern]
    while stack:
        node = stack.pop()
        match node:
            case cst.MatchAs(pattern=inner, name=name):
                if name is not None:
                    names.append(name.value)
                if inner is not None:
                    stack.append(inner)
            case cst.MatchStar(name=cst.Name(value=text)):
                names.append(text)
            case cst.MatchMapping(elements=elements, rest=rest):
                if rest is not None:
                    names.append(rest.value)
                stack.extend([element.pattern for element in reversed(elements)])
            case cst.MatchList(patterns=patterns) | cst.MatchTuple(patterns=patterns):
                stack.extend(reversed(patterns))
            case cst.MatchSequenceElement(value=inner):
                stack.append(inner)
            case cst.MatchClass(patterns=patterns, kwds=keywords):
                stack.extend([keyword.pattern for keyword in reversed(keywords)])
                stack.extend(reversed(patterns))
            case cst.MatchOr(patterns=alternatives):
                stack.extend([each.pattern for each in reversed(alternatives)])
    return list(dict.fromkeys(names))
