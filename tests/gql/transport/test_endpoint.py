"""Malformed requests and unrecognised callers: answered in JSON, and never with a 500."""

import pytest

from tests.client import Api, Stored

JSON = {"content-type": "application/json"}
ASKED = '"query":"{viewer{role}}"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff", "JSON"),
        (b'{"query": "\\ud800",}', "JSON"),
        (b"null", "The body must be a JSON object."),
        (b"1", "The body must be a JSON object."),
        (b'"{viewer{role}}"', "The body must be a JSON object."),
        (b"true", "The body must be a JSON object."),
        (b"[]", "Batching"),
        (b"[1]", "Batching"),
        (b"{}", "send `query`"),
        (b'{"query": ""}', "send `query`"),
        (b'{"query": null}', "send `query`"),
        (b'{"query": 1}', "`query` must be a string"),
        (f'{{{ASKED},"variables":1}}'.encode(), "`variables` must be an object"),
        (f'{{{ASKED},"variables":[]}}'.encode(), "`variables` must be an object"),
        (f'{{{ASKED},"extensions":1}}'.encode(), "`extensions` must be an object"),
    ],
)
async def test_a_body_that_is_no_request_is_refused(api: Api, stored: Stored, body: bytes, message: str) -> None:
    before = await stored()
    response = await api.admin.post(content=body, headers=JSON)
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "data" not in response.json()
    assert await stored() == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"query": "{ viewer { role } }", "operationName": "Other"}, "There is no operation 'Other' in the document."),
        ({"query": "fragment F on Viewer { role }"}, "There is no operation in the document."),
    ],
    ids=["unknown name", "fragment alone"],
)
async def test_an_unknown_operation_is_refused(api: Api, body: dict[str, str], message: str) -> None:
    response = await api.anonymous.post(json=body)
    assert response.status_code == 400
    assert response.json() == {"errors": [{"message": message, "extensions": {"code": "OPERATION_RESOLUTION_FAILURE"}}]}


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("Bearer nobody-knows-this-one", "This token is not valid."),
        ("Bearer " + "x" * 5000, "This token is not valid."),
        ("Bearer", "Authorization must have the form `Bearer <token>`."),
        ("Bearer ", "This token is not valid."),
        ("Basic YWRtaW46YWRtaW4=", "Authorization must have the form `Bearer <token>`."),
        ("a-admin-token-long-enough", "Authorization must have the form `Bearer <token>`."),
    ],
    ids=["unknown", "endless", "no token", "blank token", "other scheme", "no scheme"],
)
async def test_an_unrecognised_caller_is_refused_and_not_made_anonymous(
    api: Api, authorization: str, message: str
) -> None:
    response = await api.anonymous.post(json={"query": "{ viewer { role } }"}, headers={"authorization": authorization})
    assert response.status_code == 401
    assert response.json() == {"errors": [{"message": message, "extensions": {"code": "UNAUTHENTICATED"}}]}


async def test_the_scheme_of_a_token_is_read_in_any_case(api: Api) -> None:
    for scheme in ("bearer", "BEARER", "Bearer"):
        headers = {"authorization": f"{scheme} {api.viewer.token}"}
        response = await api.anonymous.post(json={"query": "{ viewer { role } }"}, headers=headers)
        assert response.json()["data"] == {"viewer": {"role": "VIEWER"}}


async def test_a_subscription_by_plain_post_is_refused_with_the_right_transport(api: Api) -> None:
    response = await api.admin.post(json={"query": "subscription { incidentChanges { id } }"})
    assert response.status_code == 400
    assert "text/event-stream" in response.json()["errors"][0]["message"]


async def test_a_mutation_by_get_is_refused(api: Api, stored: Stored) -> None:
    before = await stored()
    response = await api.admin.http.get(
        "/graphql",
        params={"query": 'mutation { createSystem(input: {key: "a", name: "b"}) { cursor } }'},
        headers={"authorization": f"Bearer {api.admin.token}"},
    )
    assert response.json()["errors"][0]["message"] == "Mutations need POST."
    assert await stored() == before


async def test_an_answer_has_data_and_cost_and_no_empty_member(api: Api) -> None:
    answer = await api.anonymous.send("{ viewer { role } }")
    assert answer.pop("extensions").keys() == {"cost"}
    assert answer == {"data": {"viewer": {"role": "ANONYMOUS"}}}


async def test_the_health_route_answers_ok(api: Api) -> None:
    response = await api.anonymous.http.get("/health")
    assert response.json() == {"status": "ok"}
