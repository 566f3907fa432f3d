"""What a compose service is for, and whether a store asks for a password."""

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import replace

from scanner.facts.commands import Command, Word, resolve
from scanner.facts.compose_types import Service, ServiceRole, ServiceVariable
from scanner.facts.deploy_paths import PathMap, script_finder
from scanner.facts.docker_types import Dockerfile
from scanner.facts.images import is_admin_tool, is_proxy, store_of_image
from scanner.facts.secrets import ValueKind
from scanner.project import Project
from scanner.project.scope import tokens

_PASSWORDS = {
    "postgresql": ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRESQL_PASSWORD", "POSTGRES_POSTGRES_PASSWORD"),
    "mysql": (
        "MYSQL_ROOT_PASSWORD",
        "MYSQL_ROOT_PASSWORD_FILE",
        "MYSQL_RANDOM_ROOT_PASSWORD",
        "MARIADB_ROOT_PASSWORD",
        "MARIADB_ROOT_PASSWORD_FILE",
        "MARIADB_RANDOM_ROOT_PASSWORD",
    ),
    "redis": ("REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "VALKEY_PASSWORD"),
    "mongodb": ("MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_PASSWORD_FILE", "MONGODB_ROOT_PASSWORD"),
    "rabbitmq": ("RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS_FILE", "RABBITMQ_PASSWORD"),
    "elasticsearch": ("ELASTIC_PASSWORD", "OPENSEARCH_INITIAL_ADMIN_PASSWORD"),
    "sqlserver": ("SA_PASSWORD", "MSSQL_SA_PASSWORD"),
    "clickhouse": ("CLICKHOUSE_PASSWORD",),
}
_OPEN = {
    "POSTGRES_HOST_AUTH_METHOD": "trust",
    "MYSQL_ALLOW_EMPTY_PASSWORD": "",
    "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "",
    "ALLOW_EMPTY_PASSWORD": "",
    "xpack.security.enabled": "false",
    "plugins.security.disabled": "true",
    "DISABLE_SECURITY_PLUGIN": "true",
}
_NO_PASSWORD_BY_DEFAULT = frozenset({"redis", "memcached", "mongodb"})
_NEEDS_ONE = frozenset({"postgresql", "mysql", "sqlserver"})
"""Their official images do not start without a password (or a word that none is wanted)."""
_EDGE_NAMES = frozenset({"proxy", "nginx", "traefik", "caddy", "haproxy", "edge", "gateway", "ingress", "webserver"})
_FALSE = frozenset({"", "0", "no", "false", "off"})

Build = Callable[[Service], Dockerfile | None]


def service_command(service: Service, dockerfile: Dockerfile | None) -> tuple[tuple[Word, ...], PathMap, str | None]:
    """What a service starts, with the image's own command where it has none; what lies where; its directory."""
    length = dockerfile.entrypoint_length if dockerfile else 0
    own = dockerfile.command_words if dockerfile else ()
    if service.entrypoint_words is not None:
        # An entrypoint of the service forgets the image's command.
        words = (*service.entrypoint_words, *(service.command_words or ()))
    elif service.command_words is not None:
        words = (*own[:length], *service.command_words)
    else:
        words = own
    directory = service.working_dir or (dockerfile.workdir if dockerfile else None)
    return tuple(Word(*word) for word in words), service_paths(service, dockerfile), directory


def service_paths(service: Service, dockerfile: Dockerfile | None) -> PathMap:
    """What of the checkout lies where in the service's container: mounts first, then what the image copied."""
    mounted = [
        (volume.target, volume.source)
        for volume in service.volumes
        if volume.bind and not volume.source.startswith(("/", "~", ".."))
    ]
    mounted += [(target, path) for path, target in service.configs]
    copied = list(dockerfile.production_paths())[::-1] if dockerfile else []
    return PathMap.of((*mounted, *copied))


def service_resolved(project: Project, service: Service, dockerfile: Dockerfile | None) -> Command | None:
    """What a service's command comes down to."""
    words, paths, directory = service_command(service, dockerfile)
    return resolve(words, script_finder(project, paths, directory, service.location.path))


def with_roles(project: Project, services: Iterable[Service], build: Build) -> tuple[Service, ...]:
    """The services with their roles; of several proxies those that publish a port are the edge."""
    placed = tuple(_with_role(project, service, build(service)) for service in services)
    edges = [one for one in placed if one.role is ServiceRole.EDGE]
    open_edges = [one for one in edges if one.network_mode == "host" or any(port.public for port in one.ports)]
    if not open_edges:
        return placed
    inner = {one.name for one in edges} - {one.name for one in open_edges}
    return tuple(replace(one, role=ServiceRole.OTHER) if one.name in inner else one for one in placed)


def _with_role(project: Project, service: Service, dockerfile: Dockerfile | None) -> Service:
    image = service.image if isinstance(service.image, str) and service.build_context is None else None
    if image is None and dockerfile is not None and isinstance(dockerfile.base, str) and not dockerfile.serves_app:
        image = dockerfile.base
    store = store_of_image(image) if image else None
    if store:
        return replace(service, role=ServiceRole.STORE, store=store, password_set=password_set(service, store))
    found = service_resolved(project, service, dockerfile)
    if found is not None and found.works:
        tool = found.program == "flower" or "flower" in found.argv[:6]
        return replace(service, role=ServiceRole.ADMIN_TOOL if tool else ServiceRole.WORKER)
    if found is not None and found.server:
        return replace(service, role=ServiceRole.APP)
    if image and is_admin_tool(image):
        return replace(service, role=ServiceRole.ADMIN_TOOL)
    if image and is_proxy(image):
        return replace(service, role=ServiceRole.EDGE)
    if found is not None and found.manages:
        return replace(service, role=ServiceRole.WORKER)
    if dockerfile is not None and dockerfile.serves_app and (found is None or service.command is None):
        return replace(service, role=ServiceRole.APP)
    if image is None and dockerfile is None and service.ports and not _EDGE_NAMES.isdisjoint(tokens(service.name)):
        # Its image is built elsewhere: the name and the published port are all that is known.
        return replace(service, role=ServiceRole.EDGE)
    return service


def password_set(service: Service, store: str) -> bool | None:
    """Whether a store asks its clients for a password; None where nobody can tell from the files."""
    variables = {one.key: one for one in service.variables if one.where == "environment"}
    if any(_opens(variables.get(name), wanted) for name, wanted in _OPEN.items()):
        return False
    named = [variables[name] for name in _PASSWORDS.get(store, ()) if name in variables]
    if any(one.kind is not ValueKind.EMPTY for one in named):
        return True
    words = (*(service.entrypoint or ()), *(service.command or ()))
    text = " ".join(words)
    if (
        "requirepass" in text
        or "--auth" in words
        or "--aclfile" in text
        or (store == "memcached" and "-S" in words[1:])
    ):
        return True
    unknown = (
        bool(service.env_files) or ".conf" in text or any(_is_configuration(one.target) for one in service.volumes)
    )
    if unknown:
        return None
    if store in _NO_PASSWORD_BY_DEFAULT:
        return False
    return True if store in _NEEDS_ONE and not named else None


def _opens(variable: ServiceVariable | None, wanted: str) -> bool:
    """Whether a variable switches passwords off; an empty ``wanted`` means any truth."""
    if variable is None or variable.value is None:
        return False
    value = variable.value.strip().casefold()
    return value == wanted if wanted else value not in _FALSE


def _is_configuration(target: str) -> bool:
    return target.endswith((".conf", ".cnf", ".acl", ".yml", ".yaml")) or posixpath.basename(target) in {
        "conf.d",
        "conf",
    }
