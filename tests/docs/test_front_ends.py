"""The settings for front ends' libraries that the page about clients shows."""

import asyncio
import json
import re
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from graphql import introspection_from_schema, is_introspection_type, is_non_null_type, is_object_type

from gql.schema import schema
from tests.docs.blocks import tour_block

_SECONDS = 60
_ROOTS = ("Query", "Mutation", "Subscription")


@pytest.mark.node
async def test_the_keys_of_the_page_are_for_all_types_without_an_id(node: list[str], tmp_path: Path) -> None:
    (tmp_path / "keys.mjs").write_text(tour_block("keys.mjs").text)
    script = f"""import {{ keysOf }} from "{tmp_path}/keys.mjs";
      const keys = keysOf({json.dumps(introspection_from_schema(schema._schema))});
      console.log(JSON.stringify([Object.keys(keys), keys.Person({{ id: "usr_1" }}), keys.Person({{ id: null }})]));"""
    process = await asyncio.create_subprocess_exec(*node, "--input-type=module", "-", stdin=PIPE, stdout=PIPE)
    async with asyncio.timeout(_SECONDS):
        printed, _ = await process.communicate(script.encode())
    names, known, unknown = json.loads(printed)
    assert {name for name in names if not name.startswith("__")} == {*types_without_id(), *_ROOTS}
    assert (known, unknown) == ("usr_1", None)


def test_the_linters_exceptions_of_the_page_are_all_types_without_an_id() -> None:
    text = tour_block("eslint.config.mjs").text
    suffixes, types = (
        re.findall(r'"(\w+)"', text.partition(f"const {name} = [")[2].partition("]")[0])
        for name in ("suffixes", "types")
    )
    assert types == sorted(name for name in types_without_id() if not name.endswith(tuple(suffixes)))


def test_every_list_that_relay_pages_has_edges_with_a_node_and_a_cursor() -> None:
    lists = [each for each in schema._schema.type_map.values() if is_object_type(each) and "edges" in each.fields]
    lists = [each for each in lists if each.name.endswith("Connection")]
    assert len(lists) > 10
    for each in lists:
        edges, page = str(each.fields["edges"].type), str(each.fields["pageInfo"].type)
        edge = schema._schema.get_type(edges.strip("[]!"))
        assert (edges, page) == (f"[{each.name.removesuffix('Connection')}Edge!]!", "PageInfo!")
        assert is_object_type(edge)
        assert set(edge.fields) == {"cursor", "node"}
        assert str(edge.fields["cursor"].type) == "String!"


def types_without_id() -> list[str]:
    """Return the names of all object types whose objects have no id of their own."""
    types = schema._schema.type_map.values()
    objects = [each for each in types if is_object_type(each) and not is_introspection_type(each)]
    found = [each.name for each in objects if "id" not in each.fields or not is_non_null_type(each.fields["id"].type)]
    return [name for name in found if name not in _ROOTS]
