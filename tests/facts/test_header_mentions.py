"""Which security headers the project's own code names."""

from pathlib import Path

from scanner.facts.header_mentions import header_mentions
from scanner.project import Checkout, Project


def project(root: Path, files: dict[str, str]) -> Project:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    checkout = Checkout(root=root, files=tuple(files), tracked=frozenset(files), is_git=False, commit=None, dirty=False)
    return Project(checkout=checkout, path=".", name="shop", manage=None)


def test_names_in_code_count_and_names_in_tests_do_not(tmp_path: Path) -> None:
    found = header_mentions(
        project(
            tmp_path,
            {
                "shop/middleware.py": "response['x-frame-options'] = 'DENY'",
                "shop/tests/test_a.py": "Strict-Transport-Security",
                "notes.txt": "Referrer-Policy",
            },
        )
    )
    assert found.names == {"x-frame-options"}
    assert "shop" in found.packages


def test_a_file_that_cannot_be_read_may_name_all(tmp_path: Path) -> None:
    found = header_mentions(project(tmp_path, {"shop/big.py": "x" * 300_000}))
    assert "strict-transport-security" in found.names
