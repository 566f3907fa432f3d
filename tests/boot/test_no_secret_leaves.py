"""No secret of a scanned project is in anything that a scan writes: every format, both streams, both engines."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.scans import PROJECTS, _package_options

FORMATS = ("json", "junit", "sarif", "summary", "comment", "codequality", "html", "har")
SECRETS = {
    "article-bad": (
        "django-insecure-9x)k2v#fixture&not=a+real^key@w7q!m3z*e5r8t1y6",
        "fixture-7Qz-mail-41-Kd",
        "fixture-9f8e7d6c5b4a39281706",
    ),
    "compose-bad": ("shop-fixture-1905", "fixture-k3Vw81"),
    "planted": ("fixture-8Wq3-db-57Tz", "fixture-t7&Kq2v!Zp9@Lm4x_Rw8^Nb3(Hd6=Yc1+Gf5*Js0-Ua-made-up"),
}
"""Whole values. Half of one is looked for as well: a message may cut it."""
_NAMES = re.compile(r"(?:SECRET|PASSWORD|TOKEN|_KEY)\w*['\"]?\s*[:=]\s*['\"]?(?P<value>[^\s'\"$,{}]{8,})")


def said(project: str) -> set[str]:
    """What files of the project give to names of secrets, and passwords in addresses: the list above must know them."""
    found: set[str] = set()
    for path in (PROJECTS / project).rglob("*"):
        if not path.is_file() or path.name == "expected.yml" or path.suffix == ".md":
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found |= {match["value"] for match in _NAMES.finditer(text)}
        found |= set(re.findall(r"://[^\s:/@]+:([^\s@$]{6,})@", text))
    return {one for one in found if not re.match(r"os\.|env\(|build-only|change-me|timedelta", one)}


@pytest.mark.parametrize("project", SECRETS)
def test_the_list_is_whole(project: str) -> None:
    unknown = {one for one in said(project) if not any(one in secret for secret in SECRETS[project])}
    assert not unknown


@pytest.mark.parametrize("project", SECRETS)
@pytest.mark.parametrize("engine", [pytest.param(one, marks=getattr(pytest.mark, one)) for one in ("docker", "local")])
def test_no_output_holds_a_secret(tmp_path: Path, project: str, engine: str) -> None:
    options = [part for name in FORMATS for part in (f"--{name}", str(tmp_path / name))]
    command = [sys.executable, "-m", "scanner", "scan", str(PROJECTS / project), "--engine", engine, "-v"]
    done = subprocess.run([*command, *_package_options(), *options], capture_output=True, timeout=500, check=False)
    outputs = {name: (tmp_path / name).read_bytes() for name in FORMATS}
    outputs |= {"standard output": done.stdout, "standard error": done.stderr}
    assert done.returncode in {0, 1}, done.stderr[-2000:]
    assert all(len(outputs[name]) > 100 for name in FORMATS), "every format wrote something"
    assert b"booting the settings" in done.stderr, "-v tells the steps"
    for name, output in outputs.items():
        for secret in SECRETS[project]:
            for form in (secret, secret[: len(secret) // 2 + 4], secret[len(secret) // 2 - 4 :]):
                assert form.encode() not in output, f"{name} holds a secret of {project}"
