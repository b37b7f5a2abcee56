"""The mutation that installs ready-made automations."""

from tests.client import Api


async def test_a_template_is_installed_with_its_own_name_and_defaults(api: Api) -> None:
    made = await api.admin.do("installAutomation", {"template": "flapping"}, "automation { name definition }")
    assert made["automation"]["name"] == "Flapping"
    [trigger] = made["automation"]["definition"]["triggers"]
    assert trigger["window"] == {"count": 3, "minutes": 60.0, "refire": "once"}


async def test_unknown_parameters_are_refused_by_name(api: Api) -> None:
    refused = await api.admin.try_to("installAutomation", {"template": "sustained", "parameters": {"minutes": 1}})
    assert refused["data"]["installAutomation"]["userErrors"][0]["field"] == ["parameters", "minutes"]


async def test_the_templates_describe_their_parameters(api: Api) -> None:
    asked = "{ automationTemplates { name displayName description icon parametersSchema } }"
    found = {template["name"]: template for template in (await api.viewer.read(asked))["automationTemplates"]}
    assert set(found) == {"sustained", "flapping", "unacknowledged", "notify_critical", "notify_status"}
    assert "afterMinutes" in found["unacknowledged"]["parametersSchema"]["properties"]
    assert "healthySeconds" in found["sustained"]["parametersSchema"]["properties"]
