"""A field is declared once, in its type: then both paths know it."""

from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse

from domain.model.selection import Field, OneOf, Shape
from domain.model.viewer import Audience
from gql.compiled.declarations import made_by, one
from gql.compiled.emit import emit
from gql.compiled.fields import Fields, UnplannableError
from gql.compiled.plan import plan_of
from gql.types.copying import copied
from gql.types.enums import Status


@strawberry.type
class Outage:
    """A type whose view has columns of these names; `title` twice."""

    title: str
    status: Status
    loud: str = strawberry.field(resolver=made_by(str.upper, "title"))

    @strawberry.field
    def secret(self) -> str:
        return "hidden"


class _Stored:
    title, status, note = "Checkout fails", Status.FIXING, "unknown to the type"


@strawberry.type
class Query:
    outage: Outage = strawberry.field(
        resolver=lambda: copied(Outage, _Stored()), metadata=one(lambda *_: OneOf(by="id", value="out_1"))
    )


_SCHEMA = strawberry.Schema(query=Query)
_SHAPES = {"outage": Shape(fields={"title": Field(("title",)), "status": Field(("status",))})}


def _answer(text: str) -> dict[str, Any]:
    [operation] = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    fields = Fields(_SCHEMA._schema, {}, {})
    plan = plan_of(_SCHEMA._schema, operation, fields, _SHAPES, Audience.PUBLIC)
    row = [vars(_Stored)[name] for name in plan.roots[0].selection.columns]
    return emit(plan, Audience.PUBLIC)([row], [], lambda *_: "", [None])


@pytest.mark.parametrize("fields", ["title", "status", "loud title", "loud status"])
def test_a_field_that_its_type_declares_is_shown_alike_on_both_paths(fields: str) -> None:
    text = f"{{ outage {{ {fields} }} }}"

    assert _answer(text) == _SCHEMA.execute_sync(text).data


def test_a_resolver_without_a_declaration_is_left_to_the_generic_path() -> None:
    with pytest.raises(UnplannableError, match=r"Outage\.secret"):
        _answer("{ outage { secret } }")


def test_what_a_model_lacks_is_said_where_it_is_copied() -> None:
    with pytest.raises(AttributeError, match="status"):
        copied(Outage, object(), title="Checkout fails")
