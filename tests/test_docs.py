"""Check what the documentation states: examples, commands, numbers, errors, constants."""

import ast
import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from builders import run_cli

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "models", "forecaster", "scaler")
# The words for the numbers of candidates and of policies in README and CHANGELOG.
NUMBER_WORDS = {80: "eighty", 21: "twenty-one"}
# Two commands are programs of their own, with their own tests.
OWN_TESTS = {"demo", "run"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """(path, syntax tree) of every module of the product."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text())


def modules_with_examples() -> list[str]:
    found = []
    for path, tree in sources():
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
        if any(">>>" in (ast.get_docstring(node) or "") for node in nodes):
            found.append(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    return found


def shell_commands(document: str) -> list[str]:
    """The commands in the fenced `sh` blocks of a document, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    return [shlex.join(words) for line in lines if (words := shlex.split(line, comments=True))]


def tidecast_commands() -> list[str]:
    commands = [c for c in shell_commands("README.md") if c.startswith("./tidecast ")]
    return [c for c in commands if shlex.split(c)[1] not in OWN_TESTS]


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_in_docstrings_give_their_results(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


ENTRY_POINTS = (
    "config.values:duration_s",
    "config.values:Real",
    "config.scenario:load_scenario",
    "models.ensemble.seasons:seasons",
    "models.ensemble.blend:blend",
    "models.numeric.quantiles:mixture_quantiles",
    "scaler.kpa.decide:decide",
    "scaler.simulation.simulator:replay",
    "scaler.plan.newsvendor:floors_at",
    "scaler.plan.bounds:bounded",
    "scaler.plan.hold:hold",
    "scaler.backtest.recommend:recommend",
    "scaler.shadow.disaggregate:by_second",
    "scaler.report.words:change",
    "forecaster.history.encoding:pack",
)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_entry_point_has_an_example(entry_point: str) -> None:
    module, _, name = entry_point.partition(":")
    documented = getattr(importlib.import_module(module), name)
    examples = doctest.DocTestFinder(recurse=True).find(documented, name)
    assert any(example.examples for example in examples), f"{entry_point} needs a >>> example"


def is_documented(function: ast.FunctionDef) -> bool:
    """Whether the docstring of a function has `Raises:` where its body raises."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            return "Raises:" in (ast.get_docstring(function) or "")
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))
    return True


def public_functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)


def test_public_functions_that_raise_document_their_errors() -> None:
    # The docstring of a command is its help text: exit codes are documented in the README of the commands.
    missing = [
        f"{path}:{function.lineno} {function.name}"
        for path, tree in sources()
        for function in public_functions(tree.body)
        if not is_documented(function) and path != f"scaler/cli/{function.name}.py"
    ]
    assert missing == []


def test_public_names_have_docstrings() -> None:
    missing = []
    for path, tree in sources():
        documented: list[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef]] = [(path, tree)]
        documented += [
            (f"{path}: {node.name}", node)
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        ]
        missing += [name for name, node in documented if not ast.get_docstring(node)]
    assert missing == []


CONVERSION = re.compile(r"_?(NS|(MINUTE|HOUR|DAY|WEEK)(_(S|MIN|H|HOURS|STEPS|SLOTS))?)")


def is_number(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.Tuple(elts=elements):
            return bool(elements) and all(map(is_number, elements))
    return False


def numeric_constants(tree: ast.Module) -> Iterator[tuple[str, ast.stmt | None]]:
    """(first name, following statement) of every numeric constant that is more than a unit conversion."""
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not is_number(node.value):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        identifiers = [name.id for name in names if isinstance(name, ast.Name)]
        if not identifiers:
            continue
        if identifiers[0].lstrip("_").isupper() and not all(map(CONVERSION.fullmatch, identifiers)):
            yield identifiers[0], following


def test_numeric_constants_have_an_explanation() -> None:
    missing = [
        f"{path}: {name}"
        for path, tree in sources()
        for name, following in numeric_constants(tree)
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant))
    ]
    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md"])
def test_numbers_of_candidates_and_policies_are_current(document: str) -> None:
    from scaler.plan.candidates import CANDIDATES
    from scaler.policies.names import NAMES

    text = (ROOT / document).read_text().lower()
    assert len(CANDIDATES) in NUMBER_WORDS, "README, CHANGELOG and NUMBER_WORDS need the new number"
    assert f"{NUMBER_WORDS[len(CANDIDATES)]} candidate" in text
    assert f"{NUMBER_WORDS[len(NAMES)]} policies" in text


@pytest.mark.slow
@pytest.mark.parametrize("command", tidecast_commands())
def test_readme_commands_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    run = run_cli(*shlex.split(command)[1:])
    assert run.returncode == 0, run.stderr
    assert run.stdout


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_files_in_documents_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    linked = re.findall(r"\]\((?!http)([^)#]+)", text)
    quoted = re.findall(r"`((?:config|models|forecaster|scaler|deploy|tests)/[\w/.-]+)`", text)
    named = [word for command in shell_commands(document) for word in shlex.split(command)]
    named = [word for word in named if re.match(r"(tests|deploy|scaler)/", word) or word == "./dev"]
    names = {*linked, *quoted, *named}
    absent = {name for name in names if "my_" not in name and not (ROOT / name).exists()}
    assert absent == set()


def is_importable(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    parent, _, name = dotted.rpartition(".")
    if find_spec(parent) is None:
        return False
    return find_spec(dotted) is not None or hasattr(importlib.import_module(parent), name)


def test_modules_in_docstrings_exist() -> None:
    pattern = re.compile(r"`((?:config|models|forecaster|scaler)(?:\.[a-z_0-9]+)+)`")
    texts = [
        (path, node.value)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    absent = [(path, d) for path, text in texts for d in pattern.findall(text) if not is_importable(d)]
    assert absent == []


def test_cited_sources_are_in_the_references() -> None:
    listed = set(re.findall(r"^- \*\*([\w-]+)\*\*", (ROOT / "REFERENCES.md").read_text(), re.MULTILINE))
    cited = {
        (path, key)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for key in re.findall(r"\[([a-z]+\d{4})\]", node.value)
    }
    assert cited
    assert {(path, key) for path, key in cited if key not in listed} == set()
