"""The script of the documentation's pictures still runs: composed everywhere, photographed where Chromium is."""

import importlib.util
import re
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scanner.reports import comment
from tests.reports.samples import blocked

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
MOST = 300_000
"""Bytes of one picture."""


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", PICTURES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def size(picture: Path) -> tuple[int, int]:
    """Width and height, from the header of the file."""
    head = picture.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_the_pictures_are_there_and_small(make: ModuleType) -> None:
    wanted = {f"{name}-{scheme}.png" for name in make.PICTURES for scheme in make.SCHEMES}
    assert {path.name for path in PICTURES.glob("*.png")} == wanted
    for path in PICTURES.glob("*.png"):
        assert size(path) == make.PICTURES[path.name.partition("-")[0]]
        assert path.stat().st_size < MOST


def test_the_comment_becomes_a_page(make: ModuleType) -> None:
    text = make.comment_page(comment.render(blocked()), None)
    assert "2 new problems block this merge" in text
    assert "<b>Warning</b> This pull request adds 1 suppression" in text
    assert "flowchart" not in text
    assert "<script" not in text
    drawn = make.comment_page(comment.render(blocked()), "/* the library */")
    assert re.search(r'<pre class="mermaid">flowchart LR', drawn)


def test_light_and_dark_differ(make: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(make.comment_page(comment.render(blocked()), None), encoding="utf-8")
    pictures = {}
    for scheme in make.SCHEMES:
        pictures[scheme] = tmp_path / f"{scheme}.png"
        try:
            make.photograph(page, pictures[scheme], (400, 300), scheme)
        except LookupError as error:
            pytest.skip(str(error))
        assert size(pictures[scheme]) == (400, 300)
    assert pictures["light"].read_bytes() != pictures["dark"].read_bytes()
