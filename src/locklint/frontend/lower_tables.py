"""Lowering functions by kind of node."""

from __future__ import annotations

import libcst as cst

from locklint.frontend.lower_comprehension import (
    lower_comprehension,
)
from locklint.frontend.lower_condition import (
    lower_condition,
)
from locklint.frontend.lower_context import (
    ExpressionLowering,
    StatementLowering,
    Tables,
)
from locklint.frontend.lower_definition import (
    lower_class_definition,
    lower_function_definition,
    lower_generator,
    lower_lambda,
)
from locklint.frontend.lower_expr import (
    lower_attribute,
    lower_await,
    lower_binary,
    lower_boolean,
    lower_call,
    lower_choice,
    lower_comparison,
    lower_concatenated,
    lower_dict,
    lower_display,
    lower_formatted,
    lower_literal,
    lower_name,
    lower_starred,
    lower_subscript,
    lower_unary,
    lower_walrus,
    lower_yield,
)
from locklint.frontend.lower_match import (
    lower_match,
)
from locklint.frontend.lower_stmt import (
    lower_annotated_assign,
    lower_assert,
    lower_assign,
    lower_augmented_assign,
    lower_break,
    lower_continue,
    lower_delete,
    lower_expression_statement,
    lower_for,
    lower_if,
    lower_import,
    lower_line,
    lower_nothing,
    lower_raise,
    lower_return,
    lower_type_alias,
    lower_while,
)
from locklint.frontend.lower_try import (
    lower_try,
    lower_with,
)

_EXPRESSIONS: dict[type[cst.CSTNode], ExpressionLowering] = {
    cst.Attribute: lower_attribute,
    cst.Await: lower_await,
    cst.BinaryOperation: lower_binary,
    cst.BooleanOperation: lower_boolean,
    cst.Call: lower_call,
    cst.Comparison: lower_comparison,
    cst.ConcatenatedString: lower_concatenated,
    cst.Dict: lower_dict,
    cst.DictComp: lower_comprehension,
    cst.Ellipsis: lower_literal,
    cst.Float: lower_literal,
    cst.FormattedString: lower_formatted,
    cst.GeneratorExp: lower_generator,
    cst.IfExp: lower_choice,
    cst.Imaginary: lower_literal,
    cst.Integer: lower_literal,
    cst.Lambda: lower_lambda,
    cst.List: lower_display,
    cst.ListComp: lower_comprehension,
    cst.Name: lower_name,
    cst.NamedExpr: lower_walrus,
    cst.Set: lower_display,
    cst.SetComp: lower_comprehension,
    cst.SimpleString: lower_literal,
    cst.StarredElement: lower_starred,
    cst.Subscript: lower_subscript,
    cst.TemplatedString: lower_formatted,
    cst.Tuple: lower_display,
    cst.UnaryOperation: lower_unary,
    cst.Yield: lower_yield,
}

_STATEMENTS: dict[type[cst.CSTNode], StatementLowering] = {
    cst.AnnAssign: lower_annotated_assign,
    cst.Assert: lower_assert,
    cst.Assign: lower_assign,
    cst.AugAssign: lower_augmented_assign,
    cst.Break: lower_break,
    cst.ClassDef: lower_class_definition,
    cst.Continue: lower_continue,
    cst.Del: lower_delete,
    cst.Expr: lower_expression_statement,
    cst.For: lower_for,
    cst.FunctionDef: lower_function_definition,
    cst.Global: lower_nothing,
    cst.If: lower_if,
    cst.Import: lower_import,
    cst.ImportFrom: lower_import,
    cst.Match: lower_match,
    cst.Nonlocal: lower_nothing,
    cst.Pass: lower_nothing,
    cst.Raise: lower_raise,
    cst.Return: lower_return,
    cst.SimpleStatementLine: lower_line,
    cst.Try: lower_try,
    cst.TryStar: lower_try,
    cst.TypeAlias: lower_type_alias,
    cst.While: lower_while,
    cst.With: lower_with,
}

# Nodes that older versions of libcst do not have.
if hasattr(cst, "StarredDictComp"):
    _EXPRESSIONS[cst.StarredDictComp] = lower_comprehension
if hasattr(cst, "LazyImport"):
    _STATEMENTS[cst.LazyImport] = _STATEMENTS[cst.LazyImportFrom] = lower_nothing

TABLES = Tables(_EXPRESSIONS, _STATEMENTS, lower_condition)
