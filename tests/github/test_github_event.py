import json
from pathlib import Path

import pytest

from scanner.github import Event, read_event, surroundings
from scanner.model import Run, Target

SHA, HEAD, BASE = "a" * 40, "b" * 40, "c" * 40
PULL = {
    "number": 7,
    "pull_request": {
        "number": 7,
        "head": {"sha": HEAD, "repo": {"id": 1}},
        "base": {"sha": BASE, "repo": {"id": 1}},
    },
}


def environment(tmp_path: Path, document: object, name: str = "pull_request") -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return {
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_EVENT_NAME": name,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_RUN_ID": "123",
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_SHA": SHA,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_API_URL": "https://api.github.com",
    }


def test_a_pull_request(tmp_path: Path) -> None:
    event = read_event(environment(tmp_path, PULL))
    assert event == Event(
        "pull_request", "acme/shop", "https://github.com", "https://api.github.com", 123, 2, SHA, 7, HEAD, BASE
    )
    assert surroundings(event) == (
        Target(commit=SHA, repository="https://github.com/acme/shop", head=HEAD, pull_request=7),
        Run(url="https://github.com/acme/shop/actions/runs/123/attempts/2"),
    )


def test_a_fork(tmp_path: Path) -> None:
    forked = json.loads(json.dumps(PULL))
    forked["pull_request"]["head"]["repo"] = {"id": 2}
    assert read_event(environment(tmp_path, forked)).from_fork
    forked["pull_request"]["head"]["repo"] = None
    assert read_event(environment(tmp_path, forked)).from_fork, "the fork was deleted"
    assert not read_event(environment(tmp_path, PULL)).from_fork


def test_a_push_has_no_pull_request(tmp_path: Path) -> None:
    event = read_event(environment(tmp_path, {"ref": "refs/heads/main", "number": 9}, "push"))
    assert (event.pull_request, event.head, event.base) == (None, None, None)


def test_a_merge_group_has_a_base(tmp_path: Path) -> None:
    event = read_event(environment(tmp_path, {"merge_group": {"base_sha": BASE}}, "merge_group"))
    assert (event.pull_request, event.base) == (None, BASE)


def test_nothing_at_all() -> None:
    event = read_event({})
    assert event == Event()
    assert surroundings(event) == (Target(), Run())


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "holds no object"),
        (" " * (8 * 1024 * 1024 + 1), "too large"),
    ],
)
def test_an_event_that_is_none(tmp_path: Path, document: str, problem: str) -> None:
    event = read_event(environment(tmp_path, document))
    assert problem in (event.problem or "")
    assert event.repository == "acme/shop"
    assert event.pull_request is None


@pytest.mark.parametrize(
    "pull",
    [
        {"number": "7"},
        {"number": True},
        {"number": -1},
        {"number": 7, "head": "x", "base": []},
        {"number": 7, "head": {"sha": "main; rm -rf /"}, "base": {"sha": 5}},
        [],
    ],
)
def test_fields_of_another_type_are_none(tmp_path: Path, pull: object) -> None:
    event = read_event(environment(tmp_path, {"pull_request": pull}))
    assert event.head is None
    assert event.base is None
    assert event.pull_request in {None, 7}


def test_variables_of_another_form_are_not_taken(tmp_path: Path) -> None:
    strange = environment(tmp_path, PULL) | {
        "GITHUB_REPOSITORY": "acme/shop/../x",
        "GITHUB_SERVER_URL": "javascript:alert(1)",
        "GITHUB_API_URL": "https://user@evil.example",
        "GITHUB_RUN_ID": "١٢",
        "GITHUB_SHA": "HEAD",
    }
    event = read_event(strange)
    assert event.repository is None
    assert (event.server, event.api, event.run, event.commit) == (
        "https://github.com",
        "https://api.github.com",
        0,
        None,
    )


def test_an_enterprise_server(tmp_path: Path) -> None:
    there = environment(tmp_path, PULL) | {
        "GITHUB_SERVER_URL": "https://git.acme.example",
        "GITHUB_API_URL": "https://git.acme.example/api/v3",
    }
    event = read_event(there)
    assert event.api == "https://git.acme.example/api/v3"
    assert event.run_url == "https://git.acme.example/acme/shop/actions/runs/123/attempts/2"
