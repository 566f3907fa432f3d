"""What a release writes into the repository: the image's digest into action.yml, and its own commit into the examples.

    python .github/release/stamp.py check 0.1.0
    python .github/release/stamp.py image ghcr.io/seatrial/seatrial:0.1.0@sha256:...
    python .github/release/stamp.py pins 0.1.0 <commit>
    python .github/release/stamp.py notes 0.1.0

On main, action.yml names no image. The commit that a release tags does, by digest: whoever pins the action by its
commit pins the image, too.
"""
# ruff: noqa: INP001 - a script of the release workflow, no part of a package

import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
IMAGE = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9._-]+)+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")
UNSTAMPED = 'SEATRIAL_IMAGE: ""'
_USES = re.compile(r"(seatrial/seatrial@)[0-9a-f]{40} # v[0-9.]+")


class CannotRelease(Exception):
    """The repository is not ready; the text says what is missing."""


def notes(root: Path, version: str) -> str:
    """The part of the changelog that tells of this version. Raises CannotRelease where there is none."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## \[?{re.escape(version)}\]?.*?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None or not found.group(1).strip():
        raise CannotRelease(f"CHANGELOG.md says nothing of {version}")
    return found.group(1).strip() + "\n"


def check(root: Path, version: str) -> None:
    """Raises CannotRelease unless version, package, changelog and action.yml belong together."""
    if VERSION.fullmatch(version) is None:
        raise CannotRelease(f"{version!r} is no version such as 1.2.3")
    package = re.search(r'^__version__ = "(.+)"$', (root / "scanner" / "__init__.py").read_text(), re.MULTILINE)
    if package is None or package.group(1) != version:
        raise CannotRelease(f"scanner/__init__.py has version {package.group(1) if package else 'none'}")
    if (root / "action.yml").read_text(encoding="utf-8").count(UNSTAMPED) != 1:
        raise CannotRelease("action.yml names an image already: releases start from main")
    notes(root, version)


def image(root: Path, reference: str) -> None:
    """Write the image into action.yml. Raises CannotRelease for a reference without a digest."""
    if IMAGE.fullmatch(reference) is None:
        raise CannotRelease(f"{reference!r} is no image with tag and digest")
    file = root / "action.yml"
    text = file.read_text(encoding="utf-8")
    if text.count(UNSTAMPED) != 1:
        raise CannotRelease("action.yml has no empty SEATRIAL_IMAGE")
    file.write_text(text.replace(UNSTAMPED, f'SEATRIAL_IMAGE: "{reference}"'), encoding="utf-8")


def pins(root: Path, version: str, commit: str) -> list[Path]:
    """Let the examples use the released commit. Returns the changed files."""
    if VERSION.fullmatch(version) is None or COMMIT.fullmatch(commit) is None:
        raise CannotRelease("a version and a commit of 40 digits are needed")
    changed = []
    for file in sorted((root / "examples").glob("*.yml")):
        text = file.read_text(encoding="utf-8")
        made = _USES.sub(rf"\g<1>{commit} # v{version}", text)
        if made != text:
            file.write_text(made, encoding="utf-8")
            changed.append(file)
    if not changed:
        raise CannotRelease("no example uses the action")
    return changed


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands above. Returns 0, 1 where the repository is not ready, or 2 for a wrong call."""
    try:
        match list(arguments):
            case ["check", version]:
                check(ROOT, version)
            case ["notes", version]:
                sys.stdout.write(notes(ROOT, version))
            case ["image", reference]:
                image(ROOT, reference)
            case ["pins", version, commit]:
                pins(ROOT, version, commit)
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return 2
    except CannotRelease as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
