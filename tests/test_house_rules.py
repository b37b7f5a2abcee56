"""The house rules that no linter holds."""

import ast
import gc
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.scheduling import TIMING

ROOT = Path(__file__).parent.parent
MIGRATIONS = ROOT / "domain" / "persistence" / "migrations"
MAXIMUM_MODULE_LINES = 400
MAXIMUM_FUNCTION_LINES = 40

# Put together here, because this file too is searched for them.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("deb", "debian", "org"),
    )
]
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?!\(#\d+\))")

#: Functions that assert by their name: pytest's and playwright's own, and asyncio's deadline.
ASSERTING = {"raises", "warns", "fail", "expect", "timeout", "shows"}
#: Functions open with a verb and classes with a noun, so that a docstring says what a caller gets.
CLAUSE_WORDS = {"what", "whether", "that", "how", "where", "when", "which", "who", "if"}
#: Words that say nothing to strangers; the field's words are found by searching: retry, resume, lease, receive, wait.
PRIVATE_WORDS = re.compile(
    r"\b(?:told|tells?|hears?|heard|fares?|(?<!under )ways?|turns?|stretch(?:es)?|nets?|anew|whoever|somebody|nobody"
    r"|hand(?:s|ed)? on|stands? in line|may be asked)\b",
    re.IGNORECASE,
)
TIMED = re.compile(r"^pytestmark = \[?pytest\.mark\.timing\b", re.MULTILINE)
CLOCKS = re.compile(r"\b(monotonic|perf_counter|process_time|thread_time)\(|longest_seconds")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module", autouse=True)
def _no_garbage() -> Iterator[None]:
    # Of the million nodes of these trees none is garbage: to look at them all, again and again, took half of the time.
    gc.disable()
    yield
    for cached in (_asserts, _called, _nodes, _tree):
        cached.cache_clear()
    gc.enable()


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {_name(path): len(_text(path).splitlines()) for path in _modules("gql", "domain")}
    assert {name: lines for name, lines in lengths.items() if lines > MAXIMUM_MODULE_LINES} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    lengths = {
        f"{_name(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in _modules("gql", "domain")
        for node in _nodes(path)
        if isinstance(node, Function)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAXIMUM_FUNCTION_LINES} == {}


def test_every_module_has_a_docstring() -> None:
    assert [_name(path) for path in _modules("gql", "domain") if not ast.get_docstring(_tree(path))] == []


def test_everything_public_in_domain_has_a_docstring() -> None:
    silent = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in _modules("domain")
        for node in _public_definitions(_tree(path))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_public_docstring_in_domain_opens_with_a_clause() -> None:
    clauses = [
        f"{_name(path)}:{getattr(node, 'lineno', 1)} {text.splitlines()[0]}"
        for path in _modules("domain")
        for node in [_tree(path), *_public_definitions(_tree(path))]
        if (text := ast.get_docstring(node)) and text.split()[0].lower() in CLAUSE_WORDS
    ]
    assert clauses == []


def test_no_docstring_in_domain_uses_private_words() -> None:
    documented = ast.Module | ast.ClassDef | Function
    private = [
        f"{_name(path)}:{getattr(node, 'lineno', 1)} {found[0]}"
        for path in _modules("domain")
        for node in _nodes(path)
        if isinstance(node, documented) and (found := PRIVATE_WORDS.search(ast.get_docstring(node) or ""))
    ]
    assert private == []


def test_no_dunder_has_a_docstring() -> None:
    documented = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in _modules("gql", "domain")
        for node in _nodes(path)
        if isinstance(node, Function) and _is_dunder(node.name) and ast.get_docstring(node)
    ]
    assert documented == []


def test_gql_reaches_the_services_of_the_domain_and_nothing_under_them() -> None:
    reached = [
        f"{_name(path)}:{node.lineno}"
        for path in _modules("gql")
        for node in _nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr in {"database", "repository"})
        or (isinstance(node, ast.alias) and node.name == "Assembly")
    ]
    assert reached == []


def test_nothing_is_left_to_do_without_an_issue() -> None:
    unfinished = [
        f"{_name(path)}:{number}"
        for path in _committed_files()
        if path.suffix == ".py" or path.parent.name in {"scripts", ".ci"}
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert unfinished == []


def test_no_committed_file_holds_the_address_of_a_package_registry() -> None:
    found = [
        f"{_name(path)}: {host}"
        for path in _committed_files()
        for host in REGISTRY_HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_test_package_shadows_a_real_one() -> None:
    # tests/gql/__init__.py would make `import gql` find the tests (pytest's importlib mode needs none of them).
    assert [
        _name(path) for path in _committed_files() if _name(path).startswith("tests/") and path.name == "__init__.py"
    ] == []


def test_tests_that_measure_time_are_in_files_of_their_own() -> None:
    # They run at the end, alone; elsewhere a bound on time fails on a busy machine.
    marked = {_name(path) for path in _modules("tests") if TIMED.search(_text(path))}
    assert marked == {_name(path) for path in _modules("tests") if path.name.endswith(TIMING)}
    bounds = [
        f"{_name(path)}:{node.lineno}"
        for path in _modules("tests")
        if not path.name.endswith(TIMING) and CLOCKS.search(_text(path))
        for node in _nodes(path)
        if isinstance(node, ast.Assert) and CLOCKS.search(said := ast.unparse(node)) and "deadline" not in said
    ]
    assert bounds == []


def test_every_test_asserts_something() -> None:
    # Itself, through a function or a fixture that does, or by a deadline that it holds.
    functions = [(path, node) for path in _modules("tests") for node in _nodes(path) if isinstance(node, Function)]
    asserting = {node.name for _, node in functions if _asserts(node)}
    while more := {
        node.name
        for _, node in functions
        if node.name not in asserting and not node.name.startswith("test_") and _called(node) & asserting
    }:
        asserting |= more
    fixtures = {node.name for _, node in functions if _is_fixture(node) and _asserts(node)}
    silent = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path, node in functions
        if node.name.startswith("test_")
        and not (_asserts(node) or _called(node) & asserting or {each.arg for each in node.args.args} & fixtures)
    ]
    assert silent == []


@cache
def _asserts(node: Function) -> bool:
    return any(
        isinstance(each, ast.Assert) or (isinstance(each, ast.Call) and _last_name(each.func) in ASSERTING)
        for each in ast.walk(node)
    )


def _last_name(named: ast.expr) -> str | None:
    return named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", None)


def _is_fixture(node: Function) -> bool:
    return any(
        _last_name(decorator.func if isinstance(decorator, ast.Call) else decorator) == "fixture"
        for decorator in node.decorator_list
    )


@cache
def _called(node: Function) -> set[str]:
    return {each.func.id for each in ast.walk(node) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)}


def _modules(*packages: str) -> list[Path]:
    return [
        path
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.is_relative_to(MIGRATIONS)
    ]


@cache
def _committed_files() -> list[Path]:
    # Including new files, without those that .gitignore excludes or that were just deleted.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file()]


@cache
def _text(path: Path) -> str:
    return path.read_text()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_text(path))


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(_tree(path)))


def _public_definitions(
    scope: ast.Module | ast.ClassDef,
) -> Iterator[ast.ClassDef | Function]:
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node
            yield from _public_definitions(node)
        if isinstance(node, Function) and not node.name.startswith("_") and not _is_inherited(node):
            yield node


def _is_inherited(node: Function) -> bool:
    # An override is documented where it was declared.
    return any(ast.unparse(decorator).endswith("override") for decorator in node.decorator_list)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
