"""Which files are nginx configuration, where they go, and which of them is the deployment's."""

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole, Volume
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles, Instruction, Stage
from scanner.facts.nginx import Nginx, nginx
from scanner.facts.nginx_files import Content, classify, may_be_nginx, nginx_files
from scanner.model import Location, Options, Unavailable
from scanner.nginx.tree import parse
from scanner.project import find_projects, read_checkout

SITE = "server { listen 443 ssl; server_name shop.example; location / { proxy_pass http://127.0.0.1:8000; } }"
MANAGE = """\
import os
from django.core.management import execute_from_command_line
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')
"""


def read(
    root: Path,
    files: dict[str, str | bytes],
    compose: Compose | None = None,
    dockerfiles: Dockerfiles | None = None,
    options: Options | None = None,
) -> Nginx:
    for name, content in {"manage.py": MANAGE, "shop/settings.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (project,) = find_projects(read_checkout(root), ())
    given = project.with_options(options or Options())
    return nginx(given, nginx_files(given), compose, dockerfiles)


def service(
    name: str, path: str, *volumes: tuple[str, str], image: str = "nginx:1.27.3", dockerfile: str | None = None
) -> Service:
    place = Location(path)
    return Service(
        name=name,
        role=ServiceRole.EDGE,
        store=None,
        image=image,
        build_context=".",
        dockerfile=dockerfile,
        build_target=None,
        command=None,
        command_location=None,
        entrypoint=None,
        ports=(),
        expose=(),
        variables=(),
        env_files=(),
        volumes=tuple(Volume(source, target, read_only=True, bind=True, location=place) for source, target in volumes),
        networks=(),
        network_mode=None,
        user=None,
        user_location=None,
        profiles=(),
        working_dir=None,
        depends_on=(),
        location=place,
    )


def compose(*services: Service) -> Compose:
    return Compose(tuple(ComposeProject((one.location.path,), (one,), frozenset()) for one in services))


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("user www-data; events {} http { include x; }", Content.FULL),
        ("events { worker_connections 4; }", Content.FULL),
        (SITE, Content.FRAGMENT),
        ("upstream a { server b; }", Content.FRAGMENT),
        ("map $a $b { default c; }", Content.FRAGMENT),
        ("limit_req_zone $binary_remote_addr zone=x:1m rate=1r/s;", Content.FRAGMENT),
        ("proxy_set_header Host $host;\nproxy_set_header X-A b;", Content.SNIPPET),
        ("location /x { return 404; }", Content.SNIPPET),
        ("add_header X-Frame-Options DENY always;", Content.SNIPPET),
        ("{% if x %}\nserver { listen 80; }\n{% endif %}", Content.FRAGMENT),
        ("server {\n listen 80;\n location / { proxy_pass http://a }\n", Content.FRAGMENT),
        ("bind 127.0.0.1 -::1\nport 6379\nsave 3600 1\ndir /var/lib/redis\n", None),
        ("[supervisord]\nnodaemon=true\n[program:web]\ncommand=gunicorn x ; comment\n", None),
        ("<VirtualHost *:80>\nServerName x\n</VirtualHost>\n", None),
        ('options { directory "/var/cache/bind"; };\nzone "x" { type master; };\n', None),
        ("listen_addresses = '*'\nmax_connections = 100\n", None),
        ("source s_net { udp(); };\n", None),
        ("/var/log/nginx/*.log {\n daily\n rotate 14\n postrotate\n  kill\n endscript\n}\n", None),
        ("# nothing here\n", None),
        ("", None),
    ],
)
def test_contents_tell_what_a_file_is(text: str, content: Content | None) -> None:
    assert classify(parse(text, "x.conf")) is content


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("deploy/nginx.conf", True),
        ("nginx_default", True),
        ("deploy/sites-available/shop", True),
        ("roles/web/templates/shop.conf.j2", True),
        ("docker/nginx/default.conf.template", True),
        ("nginx/shop.prod.conf", True),
        ("nginx.conf.example", True),
        ("nginx/uwsgi_params", True),
        ("nginx/Dockerfile", True),
        ("gunicorn.conf.py", False),
        ("nginx/README.md", False),
        ("nginx/reload.sh", False),
        ("nginx/docker-compose.yml", False),
        ("src/app.js", False),
        ("manage.py", False),
        ("deploy/nginx/bkp_site.conf", False),
        ("deploy/nginx/site.conf.save", False),
        ("deploy/nginx/threshold.conf", True),
    ],
)
def test_names_that_may_be_nginx(path: str, expected: bool) -> None:
    assert may_be_nginx(path) is expected


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no nginx configuration in the repository"):
        read(
            tmp_path,
            {"redis.conf": "port 6379\n", "gunicorn.conf.py": "bind = 'x'", "nginx/Dockerfile": "FROM nginx\n"},
        )


def test_a_binary_file_named_conf_is_told_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"deploy/nginx\.conf is a binary file"):
        read(tmp_path, {"deploy/nginx.conf": bytes(range(256)) * 16})
    both = read(tmp_path, {"deploy/nginx.conf": bytes(range(256)) * 16, "deploy/site.conf": SITE})
    assert both.notes == ("deploy/nginx.conf is a binary file: not read",)
    assert both.main.files == ("deploy/site.conf",)


def test_a_link_out_of_the_checkout_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/nginx.conf").symlink_to("/etc/hostname")
    with pytest.raises(Unavailable, match=r"deploy/nginx\.conf is a symbolic link that leaves the checkout"):
        read(tmp_path, {})


def test_fragments_get_the_stock_configuration_around_them(tmp_path: Path) -> None:
    site = "include snippets/app.conf;\n" + SITE.replace("/ {", "/ { include snippets/headers.conf;")
    fact = read(
        tmp_path,
        {
            "deploy/nginx/sites-available/shop": site,
            "deploy/nginx/snippets/headers.conf": "add_header X-A b always;",
        },
    )
    config = fact.main
    assert (config.complete, config.scope, fact.alternatives, fact.problems) == (False, "prod", (), ())
    assert config.files == ("deploy/nginx/sites-available/shop", "deploy/nginx/snippets/headers.conf")
    assert config.placement == {
        "/etc/nginx/sites-enabled/shop": "deploy/nginx/sites-available/shop",
        "/etc/nginx/snippets/headers.conf": "deploy/nginx/snippets/headers.conf",
    }
    header = config.servers[0].locations[0].effective("add_header").value
    assert header is not None
    assert str(header.location) == "deploy/nginx/snippets/headers.conf:1"
    assert [item.pattern for item in config.unknown_includes] == ["snippets/app.conf"]


def test_a_full_file_reads_the_sites_beside_it(tmp_path: Path) -> None:
    fact = read(
        tmp_path,
        {
            "nginx/nginx.conf": "events {} http { include mime.types; include /etc/nginx/sites-enabled/*; }",
            "nginx/sites-available/shop": SITE,
            "nginx/proxy.conf": "proxy_set_header Host $host;",
        },
    )
    assert fact.main.complete
    assert fact.main.files == ("nginx/nginx.conf", "nginx/sites-available/shop")
    assert [server.name for server in fact.main.servers] == ["shop.example"]
    assert not fact.alternatives


def test_files_for_the_same_sites_are_alternatives_and_production_goes_first(tmp_path: Path) -> None:
    fact = read(
        tmp_path,
        {
            "nginx/dev.conf": SITE.replace("443 ssl", "80"),
            "nginx/prod.conf": SITE.replace("443 ssl", "80"),
            "nginx/local.conf": SITE.replace("443 ssl", "80"),
        },
    )
    assert [config.name for config in fact.configurations] == ["nginx/prod.conf", "nginx/dev.conf", "nginx/local.conf"]
    assert [config.scope for config in fact.configurations] == ["prod", "dev", "dev"]
    others = "nginx/dev.conf, nginx/local.conf"
    assert fact.notes == (f"nginx/prod.conf is taken for the deployment; not started: {others} (choose with --nginx)",)


def test_the_user_chooses(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"nginx/a.conf": SITE, "nginx/b.conf": SITE, "strange": SITE}
    assert read(tmp_path, files).main.name == "nginx/a.conf"
    assert read(tmp_path, files, options=Options(nginx=("nginx/b.conf",))).main.name == "nginx/b.conf"
    assert read(tmp_path, files, options=Options(nginx=("strange",))).main.name == "strange"


def test_files_of_one_directory_that_complete_each_other_are_one(tmp_path: Path) -> None:
    fact = read(
        tmp_path,
        {
            "deploy/upstream.conf": "upstream app { server unix:/run/app.sock; }",
            "deploy/shop.conf": SITE.replace("127.0.0.1:8000", "app"),
            "deploy/other.conf": SITE.replace("shop.example", "other.example"),
        },
    )
    assert not fact.alternatives
    assert [
        str(item) for place in fact.main.django_locations(["unix:/run/app.sock"]) for item in (place.server.name,)
    ] == ["shop.example"]


def test_compose_mounts_say_what_works_together(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "nginx/prod.conf": SITE,
        "nginx/dev.conf": SITE,
        "nginx/templates/extra.conf.template": "server { listen 80; server_name ${DOMAIN}; return 444; }",
        "docker-compose.prod.yml": "services: {}\n",
        "docker-compose.dev.yml": "services: {}\n",
    }
    fact = read(
        tmp_path,
        files,
        compose(
            service(
                "proxy", "docker-compose.dev.yml", ("nginx/dev.conf", "/etc/nginx/conf.d/default.conf"), image="nginx"
            ),
            service(
                "proxy",
                "docker-compose.prod.yml",
                ("nginx/prod.conf", "/etc/nginx/conf.d/default.conf"),
                ("nginx/templates", "/etc/nginx/templates"),
                ("static", "/var/www/static"),
            ),
        ),
    )
    assert [config.name for config in fact.configurations] == ["nginx/prod.conf", "nginx/dev.conf"]
    assert fact.version == "1.27.3"
    assert [config.sealed for config in fact.configurations] == [True, True]
    assert fact.main.placement == {
        "/etc/nginx/conf.d/default.conf": "nginx/prod.conf",
        "/etc/nginx/conf.d/extra.conf": "nginx/templates/extra.conf.template",
    }
    assert [server.is_template for server in fact.main.servers] == [False, True]


def test_a_dockerfile_copies(tmp_path: Path) -> None:
    place = Location("nginx/Dockerfile")
    stage = Stage(
        None,
        "nginx:1.25-alpine",
        place,
        (
            Instruction("RUN", "rm /etc/nginx/conf.d/default.conf", place),
            Instruction("COPY", "--chown=nginx:nginx nginx.conf /etc/nginx/conf.d", place),
            Instruction("COPY", "--from=build /x /etc/nginx/x", place),
        ),
    )
    image = Dockerfile("nginx/Dockerfile", (stage,), 0, None, place, True, False, (), None, None, False)
    fact = read(tmp_path, {"nginx/nginx.conf": SITE, "nginx/Dockerfile": "FROM nginx"}, None, Dockerfiles((image,)))
    assert fact.main.placement == {"/etc/nginx/conf.d/nginx.conf": "nginx/nginx.conf"}
    assert (fact.version, fact.main.complete, fact.main.sealed) == ("1.25", False, True)


def test_compose_builds_one_stage_of_an_image(tmp_path: Path) -> None:
    place = Location("Dockerfile")
    copies = Instruction("COPY", '["deploy/site.conf", "/etc/nginx/conf.d/default.conf"]', place)
    stages = (
        Stage("app", "python:3.12", place, (Instruction("COPY", ". /app", place),)),
        Stage("proxy", "nginx:1.26.2", place, (copies,)),
        Stage("final", "app", place, ()),
    )
    image = Dockerfile("Dockerfile", stages, 2, None, place, True, False, (), None, None, True)
    proxy = replace(
        service("proxy", "compose.yml", image="", dockerfile="Dockerfile"), build_target="proxy", image=None
    )
    fact = read(tmp_path, {"deploy/site.conf": SITE, "Dockerfile": "FROM x"}, compose(proxy), Dockerfiles((image,)))
    assert fact.main.placement == {"/etc/nginx/conf.d/default.conf": "deploy/site.conf"}
    assert (fact.version, fact.main.sealed, fact.alternatives) == ("1.26.2", True, ())


def test_scripts_install_and_write_files(tmp_path: Path) -> None:
    written = SITE.replace("shop.example", "written.example").replace(
        "{ proxy_pass", "{ proxy_set_header Host \\$host; proxy_pass"
    )
    script = (
        "#!/bin/sh\nset -e\n"
        "sudo cp deploy/shop /etc/nginx/sites-available/\n"
        "ln -sf /etc/nginx/sites-available/shop /etc/nginx/sites-enabled/shop\n"
        f"cat > /etc/nginx/sites-enabled/written <<EOF\n{written}\nEOF\n"
    )
    fact = read(tmp_path, {"deploy/shop": SITE, "nginx-other/x.conf": SITE, "deploy/setup.sh": script})
    names = [server.name for server in fact.main.servers]
    assert sorted(names) == ["shop.example", "written.example"]
    place = next(place for place in fact.main.django_locations() if place.server.name == "written.example")
    assert str(place.location) == "deploy/setup.sh:6"
    assert place.own("proxy_set_header")[0].args == ("Host", "$host")


def test_errors_are_told_and_the_rest_is_judged(tmp_path: Path) -> None:
    broken = f"server {{\n listen 80;\n location / {{\n  proxy_pass http://127.0.0.1:8000\n }}\n}}\n{SITE}"
    fact = read(tmp_path, {"deploy/nginx.conf": broken})
    assert [(str(problem.location), problem.message) for problem in fact.problems] == [
        ("deploy/nginx.conf:5", 'unexpected "}"')
    ]
    assert len(fact.main.servers) == 2
    assert len(fact.main.django_locations()) == 2
