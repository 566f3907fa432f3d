"""Files of KEY=value lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.compose import Compose
from scanner.facts.compose import compose as read_compose
from scanner.facts.env_files import EnvFiles, ValueKind, env_files, is_env_file
from scanner.facts.env_syntax import parse_assignments
from tests.facts.conftest import MakeProject

TEXT = """\
# A=comment
PLAIN=value # comment
export TOKEN='fixture-1 # no comment'
 SPACED = x
EMPTY=
MULTI="one
two"
ESCAPED="a\\"b"
not a line
UNCLOSED="open
LAST=1
"""


def test_the_format() -> None:
    found = [(one.key, one.value, one.line, one.column, one.end_line) for one in parse_assignments(TEXT)]
    assert found == [
        ("PLAIN", "value", 2, 1, 2),
        ("TOKEN", "fixture-1 # no comment", 3, 8, 3),
        ("SPACED", "x", 4, 2, 4),
        ("EMPTY", "", 5, 1, 5),
        ("MULTI", "one\ntwo", 6, 1, 7),
        ("ESCAPED", 'a\\"b', 8, 1, 8),
        ("UNCLOSED", '"open', 10, 1, 10),
        ("LAST", "1", 11, 1, 11),
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".env", True),
        (".env.production", True),
        ("prod.env", True),
        ("env.sample", True),
        (".envs/.production/.django", True),
        (".envrc", True),
        ("deploy/env", True),
        ("env.py", False),
        ("src/env.ts", False),
        (".env.md", False),
        ("environment", False),
        ("env.json", False),
        (".envs/README.md", False),
    ],
)
def test_names(path: str, *, expected: bool) -> None:
    assert is_env_file(path) is expected


def test_no_secret_is_kept(make: MakeProject) -> None:
    project = make({".env": "DB_PASSWORD=fixture-k3Vw81\nDEBUG=1\n"})
    (file,) = env_files(project, Compose(())).files
    secret, plain = file.entries
    assert (secret.kind, secret.value, secret.length) == (ValueKind.SECRET, None, 14)
    assert (plain.kind, plain.value) == (ValueKind.PLAIN, "1")
    assert file.tracked
    assert not file.example
    assert "fixture-k3Vw81" not in repr(file)


@pytest.mark.parametrize("name", [".env.example", "example.env", ".env.dist", ".env.template", "examples/.env"])
def test_examples(make: MakeProject, name: str) -> None:
    assert env_files(make({name: "A=b"}), Compose(())).files[0].example


@pytest.mark.parametrize(
    "content",
    [
        b"$ANSIBLE_VAULT;1.1;AES256\n6162",
        b"A=ENC[x]\nsops_version=3.8.1\n",
        b'DOTENV_PUBLIC_KEY="03"\nA="encrypted:x"\n',
        b"\0GITCRYPT\0\x01\x02",
        b"age-encryption.org/v1\n\0",
    ],
)
def test_encrypted_files(make: MakeProject, content: bytes) -> None:
    found = env_files(make({".env": content}), Compose(()))
    assert found.files[0].encrypted
    assert not found.unreadable


def test_a_binary_file_is_told(make: MakeProject) -> None:
    assert env_files(make({".env": b"A=\0"}), Compose(())) == EnvFiles((), ((".env", "is a binary file"),))


def test_a_file_that_compose_names(make: MakeProject) -> None:
    project = make(
        {"compose.yml": "services:\n  web:\n    image: x\n    env_file: [config/live.txt]\n", "config/live.txt": "A=b"}
    )
    found = env_files(project, read_compose(project))
    assert [file.path for file in found.files] == ["config/live.txt"]
    assert found.named("config/live.txt") is not None
    assert found.named("other") is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for one in parse_assignments(text):
        assert 1 <= one.line <= one.end_line <= text.count("\n") + 1
