"""Retired words of docs/glossary.md in names and in text that people read."""

from pathlib import Path

import pytest
from tools.vocabulary import checked_files, file_findings, findings, retired_name

ROOT = Path(__file__).parents[1]


def test_no_name_or_text_has_a_retired_word() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {kind}: {word}"
        for file in checked_files()
        for line, kind, word in file_findings(file)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("worths", "worths"),
        ("what_came", "what"),
        ("BoardShade", "shade"),
        ("each", "each"),
        ("test_it_is_held", "it"),
        ("delay_cost", None),
        ("item", None),
        ("test_held_floor_drops_after_hold_seconds", None),
    ],
)
def test_retired_word_is_found_in_a_name_as_a_whole_word_only(name: str, word: str | None) -> None:
    assert retired_name(name) == word


def test_retired_words_are_found_in_comments_docstrings_and_strings() -> None:
    source = '"""Taken anew."""\nx = "nobody"  # told\ny = "renewed"\n'
    assert [word for _, _, word in findings(source)] == ["anew", "nobody", "told"]
