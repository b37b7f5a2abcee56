"""The files in deploy/: they name settings, commands, files and ports that exist."""

import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from typing_extensions import override

from domain.settings import Settings
from gql.cli.stopping import STOP_SECONDS
from tests.docs.blocks import ROOT
from tests.docs.test_commands import check_ours

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
FILES = (
    DEPLOY / "Dockerfile",
    DEPLOY / "compose.yaml",
    DEPLOY / ".env.example",
    DEPLOY / "incidentql.service",
    *MANIFESTS,
)
_SETTINGS = {f"INCIDENTQL_{name.upper()}" for name in Settings.__dataclass_fields__}
#: A value for each variable that an operator fills in.
_DRAIN = "INCIDENTQL_DRAIN_SECONDS"
_FILLED = re.compile(r"\$\{\w+:[?-][^}]*\}")
_KEY = "c2l4dGVlbi1jaGFyYWN0ZXJzLXNpeHRlZW4tY2hhcnM="


def compose() -> Any:
    """Return the compose file as a document."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def manifests() -> Iterator[Any]:
    """Yield the documents of all manifests."""
    for file in MANIFESTS:
        yield from yaml.safe_load_all(file.read_text())


def deployments() -> list[Any]:
    """Return the Deployments of servers and workers."""
    return [each for each in manifests() if each["kind"] == "Deployment"]


def instructions(name: str) -> list[str]:
    """Return the values of an instruction of the Dockerfile, with continued lines joined."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    return re.findall(rf"^\s*{name} (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_deploy_names_settings_that_exist(file: Path) -> None:
    assert set(re.findall(r"INCIDENTQL_[A-Z_]+", file.read_text())) <= _SETTINGS


def test_the_image_copies_files_that_exist_and_that_the_context_has() -> None:
    copied = [source for line in instructions("COPY") if "--from" not in line for source in line.split()[:-1]]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied
    assert [source for source in copied if not (ROOT / source).exists() or f"!{source}" not in ignored] == []


def test_the_image_starts_a_command_that_exists_as_somebody_without_rights() -> None:
    [entrypoint], commands = instructions("ENTRYPOINT"), instructions("CMD")
    assert json.loads(entrypoint) == ["incidentql"]
    check_ours(json.loads(commands[-1]), {})
    [user] = instructions("USER")
    assert user == "10001:10001"
    assert f"--uid {user.split(':')[0]} " in " ".join(instructions("RUN"))


def test_the_unit_starts_the_server_with_settings_that_a_start_takes() -> None:
    unit = (DEPLOY / "incidentql.service").read_text()
    given = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.MULTILINE))
    [command] = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert program == "/opt/incidentql/bin/incidentql"
    check_ours(arguments, given)
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(seconds) > STOP_SECONDS + 5


@pytest.mark.parametrize("name", ["server-1", "server-2", "worker"])
def test_a_service_of_compose_starts_with_settings_that_a_start_takes(name: str) -> None:
    service = compose()["services"][name]
    given = {key: _FILLED.sub(_KEY, str(value)) for key, value in service["environment"].items()}
    given["INCIDENTQL_PUBLIC_URL"] = "https://incidents.example.com"
    check_ours(service.get("command", ["serve"]), {key: given[key] for key in given if key in _SETTINGS})
    assert int(service["stop_grace_period"].rstrip("s")) > STOP_SECONDS + int(given.get(_DRAIN, 0))


@pytest.mark.parametrize(("typed", "code"), [("tmpfs:", 0), ("tempfs:", 1)], ids=["as it is", "with a slip"])
def test_the_published_schema_of_compose_files_holds(typed: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text((DEPLOY / "compose.yaml").read_text().replace("tmpfs:", typed))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, tmp_path / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout


def test_compose_opens_ports_of_the_proxy_alone() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in services.values())
    assert all("limits" in service["deploy"]["resources"] for service in services.values())
    assert all("healthcheck" in service for service in services.values())


def test_the_example_of_an_environment_names_what_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE)) == asked


def test_the_proxy_asks_servers_that_compose_starts() -> None:
    [upstreams] = re.findall(r"reverse_proxy (.*) \{", (DEPLOY / "Caddyfile").read_text())
    assert {each.removesuffix(":8000") for each in upstreams.split()} == {"server-1", "server-2"}
    [idle] = re.findall(r"keepalive (\d+)s", (DEPLOY / "Caddyfile").read_text())
    # By then the proxy has looked, and had its answer, of every server that stops.
    [looks] = re.findall(r"health_interval (\d+)s", (DEPLOY / "Caddyfile").read_text())
    [answered] = re.findall(r"health_timeout (\d+)s", (DEPLOY / "Caddyfile").read_text())
    drained = {int(compose()["services"][f"server-{number}"]["environment"][_DRAIN]) for number in (1, 2)}
    assert min(drained) >= int(looks) + int(answered)
    assert int(idle) < Settings().head_timeout_seconds


@pytest.mark.parametrize("deployment", deployments(), ids=lambda each: each["metadata"]["name"])
def test_a_deployment_starts_with_settings_that_a_start_takes_and_has_time_to_stop(deployment: Any) -> None:
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    named = {each["name"]: each["value"] for each in container.get("env", ())}
    [configuration] = [each["data"] for each in manifests() if each["kind"] == "ConfigMap"]
    given = {key: value for key, value in (configuration | named).items() if key in _SETTINGS}
    check_ours(container["args"], given)
    assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS + int(given.get(_DRAIN, 0))
    assert ("server" in deployment["metadata"]["name"]) == (_DRAIN in given)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["metrics"] == int(given["INCIDENTQL_METRICS_PORT"])
    assert {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")} == {
        "/livez",
        "/readyz",
    }


def test_every_selector_of_the_manifests_finds_the_pods_of_one_deployment() -> None:
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in deployments()]
    selectors = [each["spec"]["selector"] for each in manifests() if "selector" in each.get("spec", {})]
    for selector in selectors:
        labels = selector.get("matchLabels", selector)
        assert sum(labels.items() <= pod.items() for pod in pods) == 1


def test_the_kustomization_names_files_that_exist() -> None:
    [named] = [each["resources"] for each in manifests() if each["kind"] == "Kustomization"]
    assert all((DEPLOY / "kubernetes" / name).is_file() for name in named)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the library calls it by this name
        self.send_response(200 if self.path == "/livez" else 503)
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        pass


def test_the_probe_of_the_image_tells_a_good_answer_from_a_bad_one_and_from_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main = runpy.run_path(str(DEPLOY / "probe.py"))["main"]
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        monkeypatch.setenv("INCIDENTQL_METRICS_PORT", str(server.server_port))
        answering = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        answering.start()
        try:
            codes = main("/livez"), main("/readyz")
        finally:
            server.shutdown()
            answering.join()
    assert codes == (0, 1)
    assert main("/livez") == 1
