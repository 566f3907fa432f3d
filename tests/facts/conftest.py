"""A checkout made of the files that a test names."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scanner.project import Project, find_projects, read_checkout

MANAGE = """\
import os
from django.core.management import execute_from_command_line
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')
"""
BASE = {"manage.py": MANAGE, "shop/__init__.py": "", "shop/settings.py": "", "shop/wsgi.py": ""}
MakeProject = Callable[[Mapping[str, str | bytes]], Project]


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def make(tmp_path: Path) -> MakeProject:
    def build(files: Mapping[str, str | bytes]) -> Project:
        write(tmp_path, {**BASE, **files})
        return find_projects(read_checkout(tmp_path))[0]

    return build
