import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.reports import terminal
from scanner.reports.annotations import Annotation, escape_data, escape_property, fenced, render
from tests.judges.runner import COMMANDS, commands, parse
from tests.reports.samples import SAMPLES, Compare, blocked, hostile, incomplete, many, report

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
NASTY = st.lists(
    st.sampled_from(
        ["::", "##[", "]", "error", "stop-commands", " ", "\n", "\r", "%", "%0A", "%25", "x", ",", ":", "="]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, golden: Compare) -> None:
    golden(sample, "annotations.txt", render(SAMPLES[sample]()))


def test_the_runner_reads_file_line_title_and_message() -> None:
    first, *_ = commands(render(blocked()))
    assert first.name == "error"
    assert first.properties == {
        "file": "config/settings/production.py",
        "line": "12",
        "col": "1",
        "title": "debug-enabled (critical)",
    }
    assert first.data.startswith("DEBUG is true when the variable DJANGO_DEBUG is not set")


def test_kinds() -> None:
    assert [each.name for each in commands(render(blocked()))] == ["error", "error", "warning", "warning", "notice"]
    assert [each.properties["title"] for each in commands(render(incomplete()))][1:] == [
        "Layer stack did not run",
        "hsts-weak broke",
    ]
    assert render(report(exit_code=3)) == "::error title=Seatrial::No Django project was scanned\n"


def test_a_range_of_lines_has_no_column() -> None:
    spoof = commands(render(blocked()))[1]
    assert spoof.properties["endLine"] == "37"
    assert "col" not in spoof.properties


def test_at_most_ten_of_a_kind_and_the_last_counts_the_rest() -> None:
    found = commands(render(many()))
    errors = [each for each in found if each.name == "error"]
    warnings = [each for each in found if each.name == "warning"]
    assert len(errors) == len(warnings) == 10
    assert errors[-1].data == f"{many().summary.blocks - 9} more: see the summary of this job"


def test_every_line_is_one_command_of_ours() -> None:
    for line in render(hostile()).splitlines():
        command = parse(line)
        assert command is not None
        assert command.name in {"error", "warning", "notice"}
        assert "##[" not in line
        assert len(command.data) <= 1000


def test_no_text_of_the_project_is_a_command_between_the_fences() -> None:
    token = str(uuid.UUID(int=1))
    assert commands(fenced(terminal.render(hostile()), token)) == []
    assert commands(terminal.render(hostile())) != [], "without the fence there would be some"


@given(ANY_TEXT | NASTY)
def test_data_is_read_back(text: str) -> None:
    command = parse(f"::error ::{escape_data(text)}")
    assert command is not None
    assert command.data == text.replace("##[", "## [")


# The runner trims blanks at the very end of the properties.
@given(ANY_TEXT | NASTY, ANY_TEXT | NASTY)
def test_properties_are_read_back(text: str, says: str) -> None:
    command = parse(f"::error file={escape_property(text)},title={escape_property(says)}::x")
    assert command is not None
    assert command.properties["file"] == text.replace("##[", "## [")
    assert command.properties["title"].strip() == says.replace("##[", "## [").strip()


@given(ANY_TEXT | NASTY)
def test_any_text_stays_one_command(text: str) -> None:
    made = str(Annotation("error", text, text, text, 1, 1))
    found = commands(made + "\n")
    assert len(found) == 1
    assert found[0].name == "error"


@given(ANY_TEXT | NASTY)
def test_nothing_between_the_fences_is_a_command(text: str) -> None:
    output = fenced(text, "5f8c") + "::notice ::after\n"
    assert [(each.name, each.data) for each in commands(output)] == [("notice", "after")]


def test_the_judge_knows_both_forms() -> None:
    assert parse("  ::error file=a%2Cb::x%0Ay") == parse("::error file=a%2Cb::x%0Ay")
    old = parse("whatever ##[error a=b]x")
    assert old is not None
    assert (old.name, old.data, old.properties) == ("error", "x", {"a": "b"})
    assert parse("::unknown ::x") is None
    assert parse("x ::error ::x") is None
    assert "error" in COMMANDS
