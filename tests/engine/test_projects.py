"""The fixture projects from start to end, on both engines: their tables hold, and the engines agree."""

import pytest

from tests.engine.scans import ABOVE_LOW, expected, rows, scan

PROJECTS = ("article-good", "article-bad", "compose-good", "compose-bad", "compose-loop", "no-proxy")
GOOD = ("article-good", "compose-good", "no-proxy")
ENGINES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("docker", "local")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("project", PROJECTS)
def test_table(project: str, engine: str) -> None:
    found = scan(project, engine)
    assert {name: layer["status"] for name, layer in found.layers.items()} == dict.fromkeys(
        ("files", "boot", "stack"), "ran"
    ), found.layers
    assert found.findings(*ABOVE_LOW) == rows(project, engine)
    assert found.findings("low") == rows(project, engine, "low")
    assert found.code == expected(project)["exit"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("project", PROJECTS)
def test_no_rule_is_errored(project: str, engine: str) -> None:
    found = scan(project, engine)
    errored = [result for result in found.project["results"] if result["outcome"] == "errored"]
    assert errored == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("project", GOOD)
def test_good_projects_answer_every_probe(project: str, engine: str) -> None:
    found = scan(project, engine)
    untested = [
        (result["rule"], result["reason"])
        for result in found.project["results"]
        if result.get("reason_kind") in {"could-not-test", "layer-missing"}
    ]
    assert untested == []


@pytest.mark.docker
@pytest.mark.local
@pytest.mark.parametrize("project", PROJECTS)
def test_engines_agree(project: str) -> None:
    docker, local = scan(project, "docker"), scan(project, "local")
    severities = (*ABOVE_LOW, "low", "info")
    assert docker.findings(*severities) == local.findings(*severities)
    outcomes = [{result["rule"]: result["outcome"] for result in found.project["results"]} for found in (docker, local)]
    assert outcomes[0] == outcomes[1]
