"""No large file keeps a parser busy: what costs the square of its length would take minutes."""

import time
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from scanner.facts.compose import Compose, compose
from scanner.facts.docker_syntax import command_words, key_values, parse_dockerfile, split_flags, substitute
from scanner.facts.dockerfiles import Dockerfiles, dockerfiles
from scanner.facts.env_syntax import parse_assignments
from scanner.facts.ini_syntax import parse_indented, parse_unit
from scanner.facts.interpolation import interpolate
from scanner.facts.secrets import examine, masked
from scanner.facts.shell import here_documents, split_commands
from scanner.facts.unit_words import split_supervisor_environment, split_systemd
from scanner.facts.units import units
from scanner.facts.yaml_nodes import YamlProblem, parse_yaml
from tests.facts.conftest import MakeProject

SIZE = 40_000
SECONDS = 2.0
"""Of processor time; each takes a fraction of a second, and the square of the size would be minutes."""


def repeated(piece: str) -> str:
    return piece * (SIZE // len(piece))


PIECES = [
    *(
        "a",
        "/",
        ".",
        " ",
        "\n",
        "${",
        "$",
        "{{",
        "\\\n",
        "'",
        '"',
        'A="',
        "a=",
        "--a ",
        "<<A\n",
        "-f=",
        "[",
        "a:b@",
        "x://a:",
    ),
    *("\\", "# ", "KEY=value ", "a\n", "$(", "`", "(", "&", "A=$B", "\t-", "%(", "x.service", "docker compose   "),
]


def _yaml(text: str) -> object:
    try:
        return parse_yaml("x", text)
    except YamlProblem as problem:
        return problem


def _docker(text: str) -> object:
    parse_dockerfile("x", "FROM a\nRUN " + text)
    key_values(text)
    split_flags(text)
    substitute(text, {"A": "b"})
    return command_words(text)


def _unit(text: str) -> object:
    parse_indented("x", "[a]\nb=" + text)
    split_supervisor_environment(text)
    found = parse_unit("x", "[Service]\nExecStart=" + text).settings
    return [one.places(split_systemd(one.value)) for one in found]


def _secrets(text: str) -> object:
    masked(["sh", "-c", text, "--password", text])
    return examine("SECRET_KEY", text)


PARSERS: list[Callable[[str], object]] = [
    parse_assignments,
    split_commands,
    here_documents,
    lambda text: interpolate(text, {"A": "b"}),
    _yaml,
    _docker,
    _unit,
    _secrets,
]


def spent(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.mark.parametrize(
    "parser", PARSERS, ids=["env", "shell", "heredoc", "interpolate", "yaml", "docker", "unit", "secrets"]
)
def test_parsers(parser: Callable[[str], object]) -> None:
    took = {piece: spent(partial(parser, repeated(piece))) for piece in PIECES}
    slow = {piece: seconds for piece, seconds in took.items() if seconds > SECONDS}
    assert slow == {}


def _everything(make: MakeProject, files: dict[str, str | bytes]) -> Iterable[object]:
    project = make(files)
    yield [project.scope(path) for path in project.files]
    yield units(project, Compose(()), Dockerfiles(()))
    found = compose(project)
    yield dockerfiles(project, found)


@pytest.mark.parametrize(
    "piece", ["/", ".", "-f=", "docker compose   ", "a ", "x.service <<A\n", "-f compose.yml ", "CMD \\\n"]
)
def test_whole_files(make: MakeProject, piece: str) -> None:
    text = repeated(piece)
    files: dict[str, str | bytes] = {
        "deploy.sh": text,
        "deploy/x.sh": "[Service]" + text,
        "deploy/x.service": text,
        "Makefile": "deploy:\n\t" + text,
        "compose.yml": "services:\n  web:\n    image: x\n",
        "compose.prod.yml": "services:\n  web:\n    image: x\n",
        "Dockerfile": text,
        "README.md": text,
        "x.conf": text,
    }
    assert spent(lambda: list(_everything(make, files))) < SECONDS
