import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanner.config import OPTIONS
from scanner.github.outputs import outputs
from tests.reports.samples import blocked

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted([*ROOT.glob("examples/*.yml"), *ROOT.glob(".github/workflows/*.yml")])
GITHUB = [path for path in WORKFLOWS if path.name != "gitlab-ci.yml"]
MORE = {
    "codeql.yml": {"security-events"},
    "release.yml": {"actions", "packages", "id-token", "attestations"},
    "fork-comment.yml": {"actions"},
    "sarif.yml": {"security-events"},
}
"""What only these workflows may do."""
OWN_INPUTS = {
    *("path", "post-comment", "comment-key", "suggestions", "allow-untrusted-privileged", "token", "image"),
    *("mode", "results", "expect", "artifact"),
}
"""Inputs that are no option of `scan`."""


def action() -> Any:
    return yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def run(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    words = [str(each) for each in arguments]
    environment = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "HOME": os.environ["HOME"]}
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, env=environment, timeout=120, check=False)


def assert_passes(*arguments: str | Path, cwd: Path = ROOT) -> None:
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def test_inputs_are_the_options() -> None:
    assert set(action()["inputs"]) == {option.name for option in OPTIONS if option.action} | OWN_INPUTS


def test_outputs_are_what_is_written() -> None:
    assert set(action()["outputs"]) == set(outputs(blocked(), {}))
    for name, output in action()["outputs"].items():
        assert output["value"] == f"${{{{ steps.seatrial.outputs.{name} }}}}"


def test_every_input_reaches_the_script_through_the_environment() -> None:
    step = action()["runs"]["steps"][0]
    wanted = {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in action()["inputs"]}
    assert step["env"] == {"SEATRIAL_IMAGE": "", **wanted}
    assert "${{" not in "".join(each["run"] for each in action()["runs"]["steps"])
    assert all(each["run"].startswith("exec ") for each in action()["runs"]["steps"])


def test_only_the_token_has_a_default() -> None:
    defaults = {name: each["default"] for name, each in action()["inputs"].items() if "default" in each}
    assert defaults == {"token": "${{ github.token }}"}
    assert all(each["required"] is False for each in action()["inputs"].values())


def test_descriptions_name_choices_and_defaults() -> None:
    for option in OPTIONS:
        if option.action:
            text = action()["inputs"][option.name]["description"]
            assert all(choice in text for choice in option.choices), option.name
            assert option.default in text, option.name


def test_what_the_marketplace_wants() -> None:
    assert len(action()["description"]) <= 125
    assert action()["branding"] == {"icon": "anchor", "color": "blue"}


def test_the_schema_accepts_the_action() -> None:
    assert_passes("check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_schemas_accept_the_workflows(path: Path) -> None:
    schema = "vendor.gitlab-ci" if path not in GITHUB else "vendor.github-workflows"
    assert_passes("check-jsonschema", "--builtin-schema", schema, path)


def test_zizmor_finds_nothing() -> None:
    done = run("zizmor", "--offline", "--persona=pedantic", "action.yml", *GITHUB)
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout + done.stderr


def test_shellcheck_finds_nothing() -> None:
    assert_passes("shellcheck", "action.sh")


def linted(tmp_path: Path, change: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    """What actionlint says in a copy in which our action is a local one, so that it sees the inputs."""
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    shutil.copy(ROOT / "action.yml", tmp_path)
    for path in GITHUB:
        text = re.sub(r"uses: seatrial/seatrial@\S+( #.*)?", "uses: ./", path.read_text(encoding="utf-8"))
        (workflows / path.name).write_text(text.replace(*change), encoding="utf-8")
    return run("actionlint", cwd=tmp_path)


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    done = linted(tmp_path)
    assert done.returncode == 0, done.stdout


def test_actionlint_would_find_a_wrong_input(tmp_path: Path) -> None:
    done = linted(tmp_path, ("fail-on: high", "fail-onn: high"))
    assert done.returncode == 1
    assert "fail-onn" in done.stdout


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_workflows_give_no_more_than_is_needed(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert set(job["permissions"]) <= {"contents", "pull-requests"} | MORE.get(path.name, set())
        for step in job["steps"]:
            uses = step.get("uses", "")
            assert not uses or re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", uses), uses
            if uses.startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
