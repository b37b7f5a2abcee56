"""Validation of a document in stages, none of which takes long for any document."""

import asyncio
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    KnownTypeNamesRule,
    NamedTypeNode,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    ValuesOfCorrectTypeRule,
    VariablesInAllowedPositionRule,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from typing_extensions import override

from gql.limits.bounds import Bounds
from gql.limits.rules import quick
from gql.limits.texts import TextsRule

#: For a longer document, validation yields to the event loop after each stage.
LONG_CHARACTERS = 1_000
#: How many errors come with suggestions, which take 3 milliseconds each.
_MOST_SUGGESTIONS = 2


class CloseTypeNames(KnownTypeNamesRule):
    """A rule that suggests types by a quick comparison; the library's takes 20 milliseconds for one unknown name."""

    @override
    def enter_named_type(self, node: NamedTypeNode, *args: Any) -> None:
        name = node.name.value
        if name not in self.existing_types_map and not self.context.hide_suggestions:
            self.type_names = get_close_matches(name, self.existing_types_map, n=5)
        super().enter_named_type(node, *args)


class _Stage(NamedTuple):
    rules: tuple[type[ASTValidationRule], ...]
    most_errors: int
    #: True where the stage runs only if there were no errors before it.
    last: bool = False


def _stage(rules: Sequence[type[ASTValidationRule]], most_errors: int, *, last: bool = False) -> _Stage:
    return _Stage(tuple(map(quick, rules)), most_errors, last)


#: These rules walk every operation once more to collect its variables; the others stop at the first errors.
_VARIABLES = (NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule)
#: Slow rules. An error of the second repeats the whole literal, which takes 4 milliseconds to print.
_SLOW = (OverlappingFieldsCanBeMergedRule, ValuesOfCorrectTypeRule)
_QUICK = (
    *(rule for rule in specified_rules if rule not in {*_VARIABLES, *_SLOW, KnownTypeNamesRule}),
    CloseTypeNames,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
    TextsRule,
)
_OPEN = (_stage(_QUICK, 10), _stage(_SLOW, 3), _stage(_VARIABLES, 10, last=True))
_CLOSED = (_stage((*_QUICK, NoSchemaIntrospectionCustomRule), 10), *_OPEN[1:])


async def validated(schema: GraphQLSchema, document: DocumentNode, bounds: Bounds, *, long: bool) -> list[GraphQLError]:
    """Return the errors of the document, yielding to the event loop between the stages of a long one."""
    errors: list[GraphQLError] = []
    for stage in _OPEN if bounds.introspection else _CLOSED:
        if long:
            await asyncio.sleep(0)
        if stage.last and errors:
            break
        errors += await _errors(schema, document, stage, suggest=bounds.introspection, long=long)
    return errors


async def _errors(
    schema: GraphQLSchema, document: DocumentNode, stage: _Stage, *, suggest: bool, long: bool
) -> Sequence[GraphQLError]:
    errors = validate(schema, document, stage.rules, max_errors=stage.most_errors, hide_suggestions=True)
    if not errors or not suggest:
        return errors
    if long:
        await asyncio.sleep(0)
    first = validate(schema, document, stage.rules, max_errors=_MOST_SUGGESTIONS)[:_MOST_SUGGESTIONS]
    return [*first, *errors[len(first) :]]
