"""Find retired words: in the names and texts of Python sources, and in the lines of other text files.

    python tests/tools/vocabulary.py [PATH ...]     one line per finding; exit code 1 where there is one

docs/glossary.md has the words in use.
"""

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = frozenset([".py", ".md", ".yaml", ".yml", ".html", ".js", ".css", ".toml"])
PROGRAMS = frozenset(["dev", "tidecast", "run", "setup-venv", "Dockerfile"])

# Parts of a name: verbs of speech and life, pronouns, and words of an earlier vocabulary.
RETIRED_PARTS = frozenset(
    [
        "said",
        "told",
        "came",
        "lived",
        "lives",
        "heard",
        "spoken",
        "stands",
        "standing",
        "stood",
        "asked",
        "wants",
        "whose",
        "who",
        "whom",
        "what",
        "nobody",
        "somebody",
        "everybody",
        "anew",
        "lately",
        "reckoned",
        "borne",
        "worth",
        "worths",
        "least",
        "most",
        "place",
        "places",
        "rehearse",
        "rehearsed",
        "rehearses",
        "wishes",
        "smeared",
        "figures",
        "elsewhere",
        "shade",
        "shades",
        "sheet",
        "sheets",
        "lay",
        "slower",
        "drawn",
        "crew",
        "trial",
        "tried",
        "proven",
        "guarded",
        "faults",
        "things",
        "theirs",
        "lane",
        "pays",
        "surroundings",
        "courses",
        "wanted",
        "admissible",
        "listened",
        "foretells",
    ]
)
# Whole names: each would need its context to be understood.
RETIRED_NAMES = frozenset(
    [
        "at",
        "one",
        "some",
        "each",
        "here",
        "its",
        "ours",
        "things",
        "either",
        "anyone",
        "board",
        "outside",
        "way",
        "ways",
    ]
)
# Names in tests state subject, situation and outcome; no pronoun stands for the subject.
RETIRED_TEST_PARTS = RETIRED_PARTS | frozenset(
    ["it", "its", "they", "them", "he", "comes", "goes", "another", "ours"]
)

RETIRED_TEXT = (
    r"\banew\b|\blately\b|\bof late\b|\breckon\w*|\bborne\b|\bbesides\b|\bwhoever\b|\bwhom\b"
    r"|\bnobody\b|\bsomebody\b"
    r"|\beverybody\b|\btold\b|\bsaid\b|\bheard\b|\bspoken\b|\blived?\b through|\blives through\b|\bin force\b"
    r"|\bstands\b|\btak(?:e|es|en|ing) back\b|\bgiv(?:e|es|en|ing) back\b|\b(?:came|come|comes) to\b"
    r"|\bslow lane\b"
    r"|\brehears\w*|\bin turn\b|\bworth (?:so|as)\b|\bsays of\b|\bis asked\b|\bof ours\b"
)
_TEXT = re.compile(RETIRED_TEXT, re.IGNORECASE)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def parts(name: str) -> list[str]:
    """The words of a name, in lower case: `StatusStore` and `status_store` have two."""
    return [part.lower() for part in _PART.findall(name)]


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of everything that a module defines or binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def retired_name(name: str) -> str | None:
    """The retired word in a name; None where there is none."""
    if name in RETIRED_NAMES:
        return name
    retired = RETIRED_TEST_PARTS if name.startswith("test_") else RETIRED_PARTS
    return next((part for part in parts(name) if part in retired), None)


def findings(source: str) -> Iterator[tuple[int, str, str]]:
    """(line, kind, word): retired words in the names and in the docstrings, comments and strings of a source.

    Raises:
        SyntaxError: the source is not Python.
    """
    for line, name in sorted(set(defined_names(ast.parse(source)))):
        if word := retired_name(name):
            yield line, f"name {name}", word
    kinds = {tokenize.STRING: "text", tokenize.COMMENT: "comment"}
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type in kinds:
            for found in _TEXT.finditer(" ".join(token.string.split())):
                line = token.start[0] + token.string[: found.start()].count("\n")
                yield line, kinds[token.type], found[0]


def text_findings(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, kind, word): retired words in the lines of a file that is not Python."""
    for line, content in enumerate(text.splitlines(), start=1):
        for found in _TEXT.finditer(content):
            yield line, "text", found[0]


def file_findings(file: Path) -> Iterator[tuple[int, str, str]]:
    """The findings of a Python source or of a text file, by its suffix."""
    text = file.read_text(encoding="utf-8")
    return findings(text) if file.suffix == ".py" else text_findings(text)


def checked_files() -> list[Path]:
    """The tracked files that people read, without this one and its test, which contain the words."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [
        file
        for file in files
        if (file.suffix in SUFFIXES or file.name in PROGRAMS)
        and file.name not in {"vocabulary.py", "test_vocabulary.py"}
        and file.is_file()
    ]


def main() -> int:
    """Print the findings in the given files, or in all tracked ones."""
    chosen = [Path(argument).resolve() for argument in sys.argv[1:]]
    count = 0
    for file in checked_files():
        if chosen and not any(file == path or path in file.parents for path in chosen):
            continue
        for line, kind, word in file_findings(file):
            print(f"{file.relative_to(ROOT)}:{line}: {kind}: {word}")
            count += 1
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
