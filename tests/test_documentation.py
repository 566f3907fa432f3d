"""Documentation equals the code: regenerate with ``python docs/generate.py``."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from scanner.config import FILE_ONLY_KEYS

ROOT = Path(__file__).parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_documentation", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_readme_equals_the_code() -> None:
    assert generator().readme() == (ROOT / "README.md").read_text()


def test_every_rule_has_its_page() -> None:
    made = generator().pages()
    assert {path: path.read_text() for path in (ROOT / "docs" / "rules").glob("*.md")} == made


def test_links_of_the_readme_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text())
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_keys_of_the_file_are_known() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(FILE_ONLY_KEYS) <= set(told)
