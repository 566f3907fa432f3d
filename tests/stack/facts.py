"""Facts of a small shop, made by hand, so that the stack can be planned and started without a boot."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from scanner.facts.app_servers import AppServer, AppServers, Bind, ServerKind
from scanner.facts.boot_plan import BootPlan, Tree, Variable, VariableSource
from scanner.facts.compose import compose
from scanner.facts.nginx import Nginx, nginx
from scanner.facts.nginx_files import nginx_files
from scanner.facts.settings import Json, Settings, Value
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Location, Options, Unavailable
from scanner.project import Project, find_projects, read_checkout
from scanner.stack.inputs import Inputs

NONCE = "0123456789abcdef"
PLACE = Location("deploy/shop.service", 5)


def boot_plan(directory: str, environment: Mapping[str, str]) -> BootPlan:
    return BootPlan(
        settings_module="shop.settings",
        settings_reason="",
        settings_path="shop/settings.py",
        directory=directory,
        root=directory,
        trees=(Tree(".", directory),),
        python_path=(directory,),
        variables=tuple(Variable(name, value, VariableSource.OPTION, "") for name, value in environment.items()),
    )


def settings(**values: Json) -> Settings:
    known: dict[str, Json] = {
        "ALLOWED_HOSTS": ["shop.example"],
        "STATIC_URL": "/static/",
        "MEDIA_URL": "/media/",
        "WSGI_APPLICATION": "shop.wsgi.application",
        **values,
    }
    return Settings(
        module="shop.settings",
        module_path="shop/settings.py",
        django_version="5.2",
        python_version="3.13.5",
        values={name: Value(type(value).__name__, value) for name, value in known.items()},
        explicit=frozenset(known),
        installed_apps=("django.contrib.staticfiles",),
    )


def bind(text: str) -> Bind:
    if text.startswith("unix:"):
        return Bind("", None, text.removeprefix("unix:"), PLACE)
    host, _, port = text.rpartition(":")
    return Bind(host, int(port), None, PLACE)


def gunicorn(*arguments: str, at: str = "127.0.0.1:8000", container: str | None = None) -> AppServer:
    return AppServer(
        kind=ServerKind.GUNICORN,
        artefact="unit shop.service",
        location=PLACE,
        argv=("/srv/shop/venv/bin/gunicorn", "shop.wsgi:application", *arguments),
        binds=(bind(at),),
        application="shop.wsgi:application",
        trusted_peers=("127.0.0.1", "::1"),
        trusts_unix_peer=True,
        container=container,
    )


def topology(peer: PeerKind, app: AppServer | None, upstream: str | None = None, **more: object) -> Topology:
    known: dict[str, object] = {
        "peer_address": "127.0.0.1",
        "tls_ends": TlsEnd.PROXY,
        "platform": None,
        "upstream_location": Location("deploy/shop.conf", 1),
        "site_names": ("shop.example",),
        "project_directory": "/srv/shop",
        **more,
    }
    return Topology(peer=peer, app=app, upstream=upstream, **known)  # type: ignore[arg-type]


def inputs(
    root: Path,
    *,
    topology: Topology,
    settings: Settings,
    boot: BootPlan | None = None,
    options: Options | None = None,
) -> Inputs:
    project = project_at(root)
    return Inputs(
        project=project,
        options=options or Options(),
        boot=boot or boot_plan("/srv/shop", {}),
        settings=settings,
        topology=topology,
        app_servers=AppServers((topology.app,)) if topology.app else None,
        nginx=nginx_of(project),
        compose=None,
        nonce=NONCE,
    )


def project_at(root: Path) -> Project:
    return find_projects(read_checkout(root), ())[0]


def nginx_of(project: Project) -> Nginx | None:
    try:
        return nginx(project, nginx_files(project), None, None)
    except Unavailable:
        return None


def with_compose(known: Inputs) -> Inputs:
    """The same with the compose files of the checkout, and nginx's files where these put them."""
    found = compose(known.project)
    return dataclasses.replace(
        known, compose=found, nginx=nginx(known.project, nginx_files(known.project), found, None)
    )
