"""A checkout made of the files that a test names, and its facts."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scanner.engine import Facts, discover_providers
from scanner.model import Options, Progress, Silent
from scanner.project import Checkout, Project, find_projects, read_checkout

MANAGE = """\
import os
from django.core.management import execute_from_command_line
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')
"""
MakeFacts = Callable[..., Facts]


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def facts_of(tmp_path: Path) -> MakeFacts:
    """Facts about the files of a project in the directory ``shop``; further facts by type."""

    def build(files: Mapping[str, str | bytes], options: Options | None = None, **given: object) -> Facts:
        base = {"manage.py": MANAGE, "shop/__init__.py": "", "shop/settings.py": "", "shop/wsgi.py": ""}
        write(tmp_path, {**base, **files})
        project = find_projects(read_checkout(tmp_path))[0]
        known = {
            Project: project,
            Checkout: project.checkout,
            Options: options or Options(),
            Progress: Silent(),
            **{type(value): value for value in given.values()},
        }
        return Facts(discover_providers(("scanner.facts", "scanner.boot")), known)

    return build
