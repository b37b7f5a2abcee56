"""Inputs that hold secrets: no refusal repeats what was given for them."""

from collections.abc import Iterator

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from gql.schema import schema
from tests.client import Api

#: What the names of fields say that hold secrets, or addresses that may.
_SAYS_SECRET = ("url", "secret", "token", "value", "address", "password", "email")
#: Links of incidents are for people to open.
_OPEN = {"addIncidentLink", "updateIncidentLink"}


def secrets_taken() -> Iterator[tuple[str, str, str]]:
    """Yield each mutation whose input may hold a secret, with the type of the input and the field."""
    core = schema._schema
    assert core.mutation_type is not None
    for mutation, field in core.mutation_type.fields.items():
        for argument in field.args.values():
            taken = get_named_type(argument.type)
            for name in taken.fields if isinstance(taken, GraphQLInputObjectType) else ():
                if mutation not in _OPEN and any(word in name.lower() for word in _SAYS_SECRET):
                    yield mutation, taken.name, name


@pytest.mark.parametrize(("mutation", "taken", "field"), list(secrets_taken()))
async def test_a_refusal_repeats_no_secret_of_the_input(api: Api, mutation: str, taken: str, field: str) -> None:
    document = f"mutation M($input: {taken}!) {{ {mutation}(input: $input) {{ userErrors {{ code }} }} }}"
    for given in ({field: ["hush-hush"]}, {f"{field}s": "hush-hush"}, {field: {"a": "hush-hush"}}):
        answer = await api.admin.send(document, input=given)
        assert answer["errors"]
        assert "hush-hush" not in str(answer)
