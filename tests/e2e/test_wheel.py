"""The wheel, installed with only what requirements.lock names, away from the checkout."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-the-wheel"
MUTATION = """mutation { createSystem(input: {key: "payments", name: "Payments"}) {
    system { key } userErrors { message } } }"""
#: Imports the server, and then runs a command in the same interpreter, which would import it all again.
IMPORTED = """
import sys, domain.bootstrap, gql.app

print(domain.bootstrap, gql.app)
print(*sys.modules, flush=True)
import runpy

del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
_LOCKED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)(?: ; )?(.*?)\s*\\?$", re.MULTILINE)
_ADDRESS = re.compile(r"serves (http://\S+)/graphql")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel and the locked packages, and return the folder of their commands."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built(folder)
    venv.create(folder / "venv", symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")}))
    link_locked(packages)
    install(folder, wheel)
    return folder / "venv" / "bin"


def built(folder: Path) -> Path:
    """Build the wheel from a copy, because it would contain what an older build left in the checkout."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy(ROOT / name, source)
    for name in ("gql", "domain"):
        copytree(ROOT / name, source / name, ignore=ignore_patterns("__pycache__"))
    # The call that pip makes of a build backend, without pip's copies and processes around it.
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run(
        [sys.executable, "-c", build], cwd=source, env=environment(), check=True, capture_output=True, timeout=150
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def link_locked(packages: Path) -> None:
    """Link the packages that requirements.lock names into an environment, and no others.

    It was installed into this environment with its hashes; to install it once more would take a minute.
    """
    for name, version, marker in _LOCKED.findall((ROOT / "requirements.lock").read_text()):
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            assert marker, f"{name} is missing"  # it is for another system
            continue
        assert distribution.version == version
        for top in tops(distribution):
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))))


def tops(distribution: metadata.Distribution) -> Iterator[str]:
    """Return the top folders and modules of a distribution."""
    names = {file.parts[0] for file in distribution.files or ()}
    yield from sorted(names - {"..", "__pycache__"})


def install(folder: Path, wheel: Path) -> None:
    """Install the wheel alone, by uv: pip would take longer than the server's first start."""
    python = str(folder / "venv" / "bin" / "python")
    options = ("--quiet", "--offline", "--no-index", "--no-deps", "--no-cache", "--python", python)
    command = [sys.executable, "-m", "uv", "pip", "install", *options, str(wheel)]
    subprocess.run(command, cwd=folder, env=environment(), check=True, timeout=150)


def environment() -> dict[str, str]:
    """Return this process's environment without the checkout."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "INCIDENTQL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def output_of(installed: Path, command: str, *arguments: str) -> str:
    """Return the output of a command of the environment."""
    run = subprocess.run(
        [str(installed / command), *arguments],
        cwd=installed.parent,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=150,
    )
    return run.stdout


@pytest.fixture(scope="module")
def imported(installed: Path) -> list[str]:
    """Return the modules of the server, all that it imported, and behind these two lines what the command prints."""
    return output_of(installed, "python", "-c", IMPORTED, str(installed / "incidentql"), "schema").splitlines()


def test_the_wheel_runs_its_own_code_and_not_the_checkouts(installed: Path, imported: list[str]) -> None:
    assert imported[0].count(str(installed.parent / "lib")) == 2
    assert str(ROOT) not in imported[0]


def test_a_start_imports_no_part_that_few_starts_need(imported: list[str]) -> None:
    assert {"alembic", "redis"} & set(imported[1].split()) == set()


def test_the_wheel_finds_nothing_that_only_the_development_lock_names(installed: Path) -> None:
    assert output_of(installed, "python", "-c", "import importlib.util as a; print(a.find_spec('pytest'))") == "None\n"


def test_the_wheels_command_knows_its_version(installed: Path) -> None:
    assert output_of(installed, "incidentql", "--version").split()[-1] == metadata.version("incidentql")


def test_the_wheels_command_prints_the_schema(imported: list[str]) -> None:
    assert imported[2:] == (ROOT / "schema.graphql").read_text().splitlines()


def test_the_wheel_serves_a_mutation_on_a_new_file(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "incidentql"), "serve", "--port", "0", "--database-url", f"sqlite:///{tmp_path}/new.db"]
    settings = environment() | {"INCIDENTQL_ADMIN_TOKEN": TOKEN}
    with subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, text=True) as server:
        try:
            url, headers = f"{address_of(server)}/graphql", {"Authorization": f"Bearer {TOKEN}"}
            answer = httpx.post(url, json={"query": MUTATION}, headers=headers, verify=False)
        finally:
            server.terminate()
    assert answer.json() == {
        "data": {"createSystem": {"system": {"key": "payments"}, "userErrors": []}},
        "extensions": answer.json()["extensions"],
    }
    assert server.returncode == 0


def address_of(server: subprocess.Popen[str]) -> str:
    """Return the address at which a server that was just started answers."""
    assert server.stdout is not None
    for line in server.stdout:
        if found := _ADDRESS.search(line):
            return found[1]
    raise AssertionError("the server ended")
