"""Dockerfiles down to what ships."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.compose import Compose
from scanner.facts.compose import compose as read_compose
from scanner.facts.docker_syntax import command_words, key_values, parse_dockerfile, substitute
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles, dockerfiles, is_dockerfile
from scanner.facts.images import default_user, is_proxy, parse_image, store_of_image
from scanner.model import Unknown
from tests.facts.conftest import MakeProject


def one(make: MakeProject, text: str, files: dict[str, str | bytes] | None = None) -> Dockerfile:
    (found,) = dockerfiles(make({"Dockerfile": text, **(files or {})}), Compose(())).files
    return found


WHOLE = """\
# syntax=docker/dockerfile:1
ARG TAG=3.13
FROM python:${TAG}-slim AS build
RUN pip install \\
    # a comment
    --no-cache-dir x
USER builder

FROM build AS middle
WORKDIR /srv
WORKDIR app
ENV DJANGO_SETTINGS_MODULE=shop.settings SECRET_KEY=fixture-1905
COPY --chown=app:app . .
COPY --from=build /venv /venv
EXPOSE 8000/tcp 9000

from middle
user app:app
ENTRYPOINT ["/srv/app/start.sh"]
CMD ["gunicorn", "-b", "0.0.0.0:8000", "shop.wsgi"]
"""


def test_a_whole_file(make: MakeProject) -> None:
    found = one(make, WHOLE, {"start.sh": '#!/bin/sh\nexec "$@"\n'})
    assert [(stage.name, stage.base) for stage in found.stages] == [
        ("build", "python:3.13-slim"),
        ("middle", "build"),
        (None, "middle"),
    ]
    assert (found.shipped, found.base, found.user, str(found.user_location)) == (
        2,
        "python:3.13-slim",
        "app:app",
        "Dockerfile:18",
    )
    assert found.command == ("/srv/app/start.sh", "gunicorn", "-b", "0.0.0.0:8000", "shop.wsgi")
    assert [(place.line, place.column) for _, place in found.command_words] == [
        (19, 14),
        (20, 7),
        (20, 19),
        (20, 25),
        (20, 41),
    ]
    assert (found.workdir, found.serves_app, found.exposes, found.errors) == ("/srv/app", True, (8000, 9000), ())
    assert found.environment == {"DJANGO_SETTINGS_MODULE": "shop.settings", "SECRET_KEY": None}
    assert found.production_paths() == (("/srv/app", "."),)
    assert found.stages[0].instructions[0].arguments == "pip install --no-cache-dir x"
    assert found.stages[0].instructions[0].location.end_line == 6


@pytest.mark.parametrize(
    ("text", "user", "known", "drops"),
    [
        ("FROM python:3.13\n", None, True, False),
        ("FROM python:3.13\nUSER root\n", "root", True, False),
        ("FROM python:3.13\nARG U=app\nUSER $U\n", "app", True, False),
        ("FROM python:3.13\nENV U=0\nUSER ${U}:0\n", "0:0", True, False),
        ("FROM registry.example/base:1\n", None, False, False),
        ("FROM python AS a\nUSER app\nFROM python\n", None, True, False),
        ("FROM python AS a\nUSER app\nFROM a\n", "app", True, False),
        ("FROM python AS A\nUSER app\nFROM a\nUSER root\n", "root", True, False),
        ("FROM nginxinc/nginx-unprivileged:1\n", "nonroot", True, False),
        ("FROM bitnami/python:3\n", "1001", True, False),
        ("FROM nginx:1\n", None, True, True),
        ('FROM python\nCMD ["gosu", "app", "gunicorn", "x"]\n', None, True, True),
        ('FROM python\nCMD ["gunicorn", "--user", "app", "x"]\n', None, True, True),
        ("FROM python\nCMD exec su-exec app gunicorn x\n", None, True, True),
        ('FROM python\nCOPY s.sh /s.sh\nENTRYPOINT ["/s.sh"]\n', None, True, True),
        ('FROM python\nCOPY s.sh /usr/local/bin/go\nENTRYPOINT ["/usr/local/bin/go"]\n', None, True, True),
        ("FROM python\nCMD uwsgi --ini app.ini\n", None, True, True),
        ("FROM python\nCMD uwsgi --ini root.ini\n", None, True, False),
        ("FROM python\nCMD supervisord -c /etc/sup.conf\n", None, True, True),
        ("FROM python\nCMD supervisord -c /etc/root.conf\n", None, True, False),
        ('FROM python\nCOPY s6 /etc\nENTRYPOINT ["/init"]\n', None, True, True),
    ],
)
def test_the_user_that_ships(make: MakeProject, text: str, user: str | None, *, known: bool, drops: bool) -> None:
    script = '#!/bin/sh\nif [ "$(id -u)" = 0 ]; then exec gosu app "$0" "$@"; fi\nexec "$@"\n'
    files: dict[str, str | bytes] = {
        "s.sh": script,
        "app.ini": "[uwsgi]\nuid = www\n",
        "root.ini": "[uwsgi]\n# uid = www\nuid = root\n",
        "sup.conf": "[supervisord]\nuser=root\n[program:a]\nuser=www\n[program:b]\nuser=other\n",
        "s6/s6-rc.d/web/run": "#!/bin/sh\nexec s6-setuidgid app gunicorn x\n",
        "root.conf": "[program:a]\nuser=www\n[program:b]\ncommand=x\n",
    }
    found = one(make, text, files)
    assert (found.user, found.base_user_known, found.drops_privileges) == (user, known, drops)


def test_a_user_that_nobody_knows(make: MakeProject) -> None:
    found = one(make, "FROM python\nARG U\nUSER $U\n")
    assert isinstance(found.user, Unknown)
    assert isinstance(one(make, "ARG TAG\nFROM python:$TAG\n").base, Unknown)


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        ("CMD gunicorn x", ("sh", "-c", "gunicorn x")),
        ('CMD ["gunicorn", "x"]', ("gunicorn", "x")),
        ("CMD ['gunicorn']", ("sh", "-c", "['gunicorn']")),
        ('ENTRYPOINT ["a"]\nCMD ["b"]', ("a", "b")),
        ('CMD ["b"]\nENTRYPOINT ["a"]', ("a", "b")),
        ('ENTRYPOINT a\nCMD ["b"]', ("sh", "-c", "a")),
        ('CMD ["a"]\nCMD ["b"]', ("b",)),
        ("", ()),
        ('CMD ["x", "--token=fixture-1905"]', ("x", "--token=***")),
    ],
)
def test_the_command(make: MakeProject, lines: str, command: tuple[str, ...]) -> None:
    assert one(make, f"FROM python\n{lines}\n").command == command


def test_a_new_entry_point_forgets_the_bases_command(make: MakeProject) -> None:
    found = one(make, 'FROM python AS a\nCMD ["b"]\nFROM a\nENTRYPOINT ["c"]\n')
    assert found.command == ("c",)


@pytest.mark.parametrize(
    ("text", "error", "line"),
    [
        ("FROM python\nRUNN x\n", "unknown instruction RUNN", 2),
        ("RUN x\n", "no FROM", 1),
        ("FROM python\nRUN <<EOF\nx\n", "here-document EOF is not closed", 2),
        ("", "no FROM", 1),
    ],
)
def test_what_no_builder_takes_is_told(make: MakeProject, text: str, error: str, line: int) -> None:
    ((why, place),) = one(make, text).errors
    assert error in why
    assert place.line == line


def test_here_documents_hold_no_instructions(make: MakeProject) -> None:
    found = one(make, "FROM python\nRUN <<EOF\nUSER evil\nEOF\nUSER app\n")
    assert found.user == "app"
    assert found.stages[0].instructions[0].documents == ("USER evil",)


def test_other_escape_characters(make: MakeProject) -> None:
    assert one(make, "# escape=`\nFROM python\nRUN a `\n  b\nUSER app\n").user == "app"


def test_compose_chooses_context_and_target(make: MakeProject) -> None:
    project = make(
        {
            "d/web.Dockerfile": "FROM python AS base\nCOPY . /app\nFROM base AS prod\nUSER app\nFROM base AS dev\n",
            "compose.yml": "services:\n  web:\n    build: {context: ., dockerfile: d/web.Dockerfile, target: prod}\n",
        }
    )
    (found,) = dockerfiles(project, read_compose(project)).files
    assert (found.user, found.context, found.shipped) == ("app", ".", 1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Dockerfile", True),
        ("a/Dockerfile.prod", True),
        ("web.Dockerfile", True),
        ("Containerfile", True),
        ("dockerfile-x", True),
        ("Dockerfile.dockerignore", False),
        ("Dockerfile.md", False),
        ("mydockerfiles", False),
    ],
)
def test_names(path: str, *, expected: bool) -> None:
    assert is_dockerfile(path) is expected


def test_a_binary_file_is_told(make: MakeProject) -> None:
    found = dockerfiles(make({"Dockerfile": b"FROM \0"}), Compose(()))
    assert found == Dockerfiles((), (("Dockerfile", "is a binary file"),))


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        ("postgres", "postgres", None),
        ("docker.io/library/postgres:17", "postgres", "17"),
        ("localhost:5000/x/web:1@sha256:ab", "x/web", "1"),
        ("gcr.io/distroless/python3", "distroless/python3", None),
    ],
)
def test_image_references(image: str, name: str, tag: str | None) -> None:
    found = parse_image(image)
    assert (found.name, found.tag) == (name, tag)


def test_what_images_are() -> None:
    assert store_of_image("postgis/postgis:17") == "postgresql"
    assert store_of_image("docker.io/bitnami/redis") == "redis"
    assert store_of_image("oliver006/redis_exporter") is None
    assert is_proxy("nginx:1.29")
    assert not is_proxy("nginx/nginx-prometheus-exporter")
    assert default_user("python:3.13") == "root"
    assert default_user("corp/python") is None
    assert default_user("gcr.io/distroless/python3:nonroot") == "nonroot"


def test_small_parts() -> None:
    assert substitute("${A:-x}-$B-\\$C", {"B": "b"}) == "x-b-$C"
    assert substitute("$A", {}) is None
    assert key_values("A=1 B=\"x y\" C='z'") == (("A", "1"), ("B", "x y"), ("C", "z"))
    assert key_values("KEY some text") == (("KEY", "some text"),)
    assert command_words('["a", 1]') == ("sh", "-c", '["a", 1]')


@given(st.text(alphabet=st.sampled_from(list("FROMUSERCPYN python\n\\#<EOF[]\"'=$:{}-`"))))
def test_no_text_breaks_the_parser(text: str) -> None:
    lines = text.count("\n") + 1
    for instruction in parse_dockerfile("x", text).instructions:
        assert 1 <= instruction.location.line <= lines
        command_words(instruction.arguments)
        key_values(instruction.arguments)
        substitute(instruction.arguments, {"A": "b"})
