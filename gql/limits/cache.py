"""The documents read last, with what validation said of them."""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    VariablesInAllowedPositionRule,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gql.limits.bounds import Bounds
from gql.limits.structure import misshapen
from gql.limits.texts import TextsRule

#: Suggesting names for misspelt ones takes longer than the rest of validation.
_MOST_ERRORS = 10
_MOST_KEPT = 512
#: Longer documents are read anew every time: kept, they would be a way to fill the memory.
_LONGEST_KEPT = 10_000
#: These walk every operation once more, whole, to collect its variables; the others give up at the first errors.
_VARIABLE_RULES = (NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule)
_RULES = (
    *(rule for rule in specified_rules if rule not in _VARIABLE_RULES),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
    TextsRule,
)
_CLOSED_RULES = (*_RULES, NoSchemaIntrospectionCustomRule)


@dataclass(slots=True)
class _Kept:
    document: DocumentNode
    errors: list[GraphQLError] | None = None


class DocumentCache:
    """Documents by text and bounds; one cache per schema."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Bounds], _Kept] = OrderedDict()

    def parsed(self, text: str, bounds: Bounds) -> DocumentNode:
        """The document of that text.

        Raises:
            GraphQLError: there is a syntax error in it, or it has more tokens than the bounds allow.
        """
        key = text, bounds
        kept = self._kept.get(key)
        if kept is None:
            kept = _Kept(parse(text, max_tokens=bounds.tokens))
            if len(text) <= _LONGEST_KEPT:
                self._kept[key] = kept
                if len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept.document

    def errors(self, schema: GraphQLSchema, text: str, document: DocumentNode, bounds: Bounds) -> list[GraphQLError]:
        """What is wrong with the document, whatever its variables."""
        kept = self._kept.get((text, bounds)) or _Kept(document)
        if kept.errors is None:
            shape = misshapen(document, bounds)
            kept.errors = [shape] if shape else _validated(schema, document, bounds)
        return kept.errors


def _validated(schema: GraphQLSchema, document: DocumentNode, bounds: Bounds) -> list[GraphQLError]:
    for rules in (_RULES if bounds.introspection else _CLOSED_RULES, _VARIABLE_RULES):
        if errors := validate(schema, document, rules, max_errors=_MOST_ERRORS):
            return errors
    return []
