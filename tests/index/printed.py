"""The declarations of a file as compact text, one fact a line, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from locklint.index.declarations import (
    AttributeValue,
    Awaited,
    Binding,
    CallValue,
    Choice,
    ClassDecl,
    Element,
    Entered,
    FunctionDecl,
    Generic,
    Items,
    LambdaValue,
    Literal,
    ModuleIndex,
    Operation,
    Parameter,
    Ref,
    Value,
)


def print_index(index: ModuleIndex) -> str:
    """All facts of a file; empty ones are left out."""
    return "\n".join(_module(index)) + "\n"


def print_value(value: Value) -> str:
    """A value, much as Python spells it; what is not known is ``?``."""
    match value:
        case Ref(names=names):
            return ".".join(names)
        case CallValue(callee=callee, arguments=arguments, keywords=keywords):
            parts = [print_value(argument) for argument in arguments]
            parts += [f"{name}={print_value(argument)}" for name, argument in keywords]
            return f"{print_value(callee)}({', '.join(parts)})"
        case AttributeValue(of=of, name=name):
            return f"{print_value(of)}.{name}"
        case Choice(options=options):
            return f"<{' | '.join(map(print_value, options))}>"
        case Operation(operands=operands):
            return f"({', '.join(map(print_value, operands))})"
        case Items(elements=elements, keys=()):
            return f"[{', '.join(map(print_value, elements))}]"
        case Items(elements=elements, keys=keys):
            pairs = zip(keys, elements, strict=False)
            return (
                "{" + ", ".join(f"{key or '?'}: {print_value(item)}" for key, item in pairs) + "}"
            )
        case Element(of=of, key=key):
            return f"{print_value(of)}[{'*' if key is None else key}]"
        case Generic(of=of, arguments=arguments):
            return f"{print_value(of)}[{', '.join(map(print_value, arguments))}]"
        case Literal(text=text):
            return text
        case LambdaValue(body=body):
            return f"lambda: {print_value(body)}"
        case Awaited(of=of):
            return f"await {print_value(of)}"
        case Entered(of=of):
            return f"enter {print_value(of)}"
        case _:
            return "?"


def _module(index: ModuleIndex) -> Iterator[str]:
    yield f"module {index.module}{' (package)' if index.is_package else ''}"
    for name, target in index.imports.items():
        others = index.other_imports.get(name, ())
        yield f"import {name} = {' | '.join((target, *others))}"
    for star in index.star_imports:
        yield f"import * = {star}"
    if index.exports:
        yield f"exports {', '.join(index.exports)}"
    yield from _bindings("", index.bindings)
    for cls in index.classes.values():
        yield from _class(cls)
    for function in index.functions.values():
        yield from _function(function)
    for name, bindings in index.attribute_stores.items():
        for binding in bindings:
            receiver = print_value(binding.receiver) if binding.receiver is not None else "?"
            yield f"store {receiver}.{_binding(name, binding)}"
    for site in index.call_sites:
        where = site.function or "<module>"
        yield f"call {site.name}: {print_value(site.call)} @{site.call.line} in {where}"
    for span in index.module_statements:
        yield f"may lock: statement {span.line}-{span.end_line}"
    if index.called:
        yield f"called {' '.join(sorted(index.called))}"


def _class(cls: ClassDecl) -> Iterator[str]:
    bases = [print_value(base) for base in cls.bases]
    bases += [f"{name}={print_value(value)}" for name, value in cls.keywords]
    decorators = "".join(f"@{print_value(decorator)} " for decorator in cls.decorators)
    parent = f" in {cls.parent}" if cls.parent else ""
    yield f"{decorators}class {cls.qualname}({', '.join(bases)}){parent} @{cls.span}"
    yield from _bindings("  ", cls.attributes)
    for name, qualname in cls.methods.items():
        yield f"  method {name} = {qualname}"


def _function(function: FunctionDecl) -> Iterator[str]:
    decorators = "".join(f"@{print_value(decorator)} " for decorator in function.decorators)
    parameters = ", ".join(_parameter(parameter) for parameter in function.parameters)
    returns = ""
    if function.returns_annotation is not None:
        returns = f" -> {print_value(function.returns_annotation)}"
    flags = [
        word
        for word, on in (
            ("async", function.is_async),
            ("generator", function.is_generator),
            ("abstract", function.is_abstract),
            ("may lock", function.mentions_lock),
        )
        if on
    ]
    facts = f" [{', '.join(flags)}]" if flags else ""
    holder = function.class_name or function.parent
    where = f" in {holder}" if holder else ""
    yield (
        f"{decorators}def {function.qualname}({parameters}){returns}{where}"
        f" @{function.name_span}{facts}"
    )
    for word, names in (("global", function.globals), ("nonlocal", function.nonlocals)):
        if names:
            yield f"  {word} {', '.join(names)}"
    for name, target in function.imports.items():
        yield f"  import {name} = {target}"
    for name, qualname in function.inner.items():
        yield f"  inner {name} = {qualname}"
    yield from _bindings("  ", function.locals)
    yield from _bindings("  for ", function.comprehensions)
    yield from _bindings("  self.", function.self_bindings)
    for value in function.returns:
        yield f"  return {print_value(value)}"
    for value in function.yields:
        yield f"  yield {print_value(value)}"
    if function.called:
        yield f"  called {' '.join(sorted(function.called))}"


def _parameter(parameter: Parameter) -> str:
    star = parameter.star.value if parameter.star is not None else ""
    text = f"{star}{parameter.name}"
    if parameter.keyword_only:
        text = f"{text} (keyword)"
    if parameter.annotation is not None:
        text += f": {print_value(parameter.annotation)}"
    if parameter.default is not None:
        text += f" = {print_value(parameter.default)}"
    return text


def _bindings(prefix: str, table: Mapping[str, tuple[Binding, ...]]) -> Iterator[str]:
    for name, bindings in table.items():
        for binding in bindings:
            yield f"{prefix}{_binding(name, binding)}"


def _binding(name: str, binding: Binding) -> str:
    annotation = f": {print_value(binding.annotation)}" if binding.annotation is not None else ""
    sign = "<-" if binding.element else "="
    name = f"{name}[{binding.key}]" if binding.key is not None else name
    where = f" in {binding.function}" if binding.function else ""
    return f"{name}{annotation} {sign} {print_value(binding.value)} @{binding.line}{where}"
