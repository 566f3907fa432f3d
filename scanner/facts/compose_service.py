"""One service of a merged compose tree, its values normalised."""

import posixpath
import re
import shlex
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace

from scanner.facts.compose_merge import as_pairs
from scanner.facts.compose_types import Port, Service, ServiceRole, ServiceVariable, Volume
from scanner.facts.interpolation import interpolate
from scanner.facts.secrets import ValueKind, examine, is_secret_key, masked, secret_words
from scanner.facts.yaml_nodes import Items, Mapping, Node, Scalar
from scanner.model import Location, Unknown

_PORT = re.compile(
    r"(?:(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*):)??(?:(?P<published>[^:]*):)?(?P<target>[^:/]+)(?:/(?P<protocol>\w+))?"
)
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MAX_RANGE = 64
_PUBLIC_NAMES = frozenset({"USER", "USERNAME", "DB", "DATABASE", "NAME"})
_MODES = frozenset(
    {"ro", "rw", "z", "Z", "cached", "delegated", "consistent", "nocopy", "rprivate", "rshared", "rslave"}
)


@dataclass(frozen=True)
class Context:
    """What a service's text is read with."""

    variables: MappingOf[str, str]
    """The project's ``.env``."""
    bases: MappingOf[str, str]
    """File -> directory from which its relative paths are taken."""
    directory: str

    def text(self, node: Node | None) -> str | None:
        """A scalar with its variables replaced; unknown ones stay as ``${NAME}``. None where it is no text."""
        if not isinstance(node, Scalar) or node.is_null:
            return None
        return interpolate(node.text, self.variables).text

    def known(self, node: Node | None) -> str | Unknown | None:
        """The same, Unknown where a variable has no value."""
        if not isinstance(node, Scalar) or node.is_null:
            return None
        done = interpolate(node.text, self.variables)
        return Unknown(f"variable {done.missing[0]} has no value here", node.location) if done.missing else done.text

    def path(self, text: str, where: Location) -> str:
        """A path of a compose file, relative to the checkout; an absolute one stays."""
        if text.startswith(("/", "~")) or "://" in text:
            return text
        return posixpath.normpath(posixpath.join(self.bases.get(where.path, self.directory), text))


def _texts(context: Context, node: Node | None) -> tuple[tuple[str, Location], ...]:
    """A text or a list of texts."""
    items = node.items if isinstance(node, Items) else (node,)
    return tuple(
        (text, item.location) for item in items if isinstance(item, Scalar) and (text := context.text(item)) is not None
    )


def _ports(context: Context, node: Node | None) -> tuple[Port, ...]:
    found: list[Port] = []
    for item in node.items if isinstance(node, Items) else ():
        if isinstance(item, Mapping):
            found.extend(_long_port(context, item))
        elif isinstance(item, Scalar):
            found.extend(_short_port(context, item))
    return tuple(found)


def _long_port(context: Context, item: Mapping) -> list[Port]:
    host = context.text(item.get("host_ip")) or "0.0.0.0"
    return _expanded(
        host,
        context.text(item.get("published")) or "",
        context.text(item.get("target")) or "",
        context.text(item.get("protocol")) or "tcp",
        item.location,
    )


def _short_port(context: Context, item: Scalar) -> list[Port]:
    text = interpolate(item.text, context.variables).text.strip()
    match = _PORT.fullmatch(_hide_variables(text))
    if not match:
        return [Port("0.0.0.0", "", Unknown(f"port {item.text[:80]}", item.location), "tcp", item.location)]
    host = (match["host"] or "").strip("[]") or "0.0.0.0"
    return _expanded(host, match["published"] or "", match["target"], match["protocol"] or "tcp", item.location)


def _hide_variables(text: str) -> str:
    """``${A:-…}`` that stayed has colons of its own."""
    return re.sub(r"\$\{[^{}]*\}", "?", text)


def _expanded(host: str, published: str, target: str, protocol: str, place: Location) -> list[Port]:
    inner = _RANGE.fullmatch(target)
    if inner is None:
        return [Port(host, published, Unknown(f"port {target[:80] or 'without target'}", place), protocol, place)]
    first, last = int(inner[1]), int(inner[2] or inner[1])
    outer = _RANGE.fullmatch(published)
    count = last - first + 1
    if count <= 1 or count > _MAX_RANGE:
        return [Port(host, published, first, protocol, place)]
    paired = outer is not None and int(outer[2] or outer[1]) - int(outer[1]) + 1 == count
    return [
        Port(host, str(int(outer[1]) + index) if outer and paired else published, first + index, protocol, place)
        for index in range(count)
    ]


def _volumes(context: Context, node: Node | None) -> tuple[Volume, ...]:
    found = []
    for item in node.items if isinstance(node, Items) else ():
        if isinstance(item, Mapping):
            source, target = context.text(item.get("source")) or "", context.text(item.get("target")) or ""
            kind = context.text(item.get("type")) or "volume"
            only = item.get("read_only")
            read_only = isinstance(only, Scalar) and only.is_true
            where = item.get("source") or item
        elif isinstance(item, Scalar):
            parts = interpolate(item.text, context.variables).text.split(":")
            modes = set(parts[-1].split(",")) if len(parts) > 1 else set()
            if modes and modes <= _MODES:
                parts = parts[:-1]
            source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
            kind = "bind" if source.startswith((".", "/", "~")) else "volume"
            read_only, where = "ro" in modes, item
        else:
            continue
        bind = kind == "bind"
        if target:
            path = context.path(source, where.location) if bind else source
            found.append(Volume(path, target, read_only, bind, item.location))
    return tuple(found)


def _variable(context: Context, key: str, node: Node, where: str, place: Location) -> ServiceVariable:
    raw = node.text if isinstance(node, Scalar) and not node.is_null else ""
    if not isinstance(node, Scalar) or node.is_null:
        # Passed on from the shell in which Compose runs.
        return ServiceVariable(key, ValueKind.REFERENCE, 0, place, None, where)
    if "$" not in raw:
        seen = examine(key, raw)
        return ServiceVariable(
            key, seen.kind, seen.length, place, seen.value, where, default_credential=seen.default_credential
        )
    own = interpolate(raw, {})
    seen = examine(key, own.text)
    if seen.kind is ValueKind.SECRET and own.defaults:
        return ServiceVariable(
            key,
            seen.kind,
            seen.length,
            place,
            None,
            where,
            default_only=True,
            default_credential=seen.default_credential,
        )
    if seen.kind is ValueKind.SECRET:
        return ServiceVariable(
            key, seen.kind, seen.length, place, None, where, default_credential=seen.default_credential
        )
    full = interpolate(raw, context.variables)
    shown = examine(key, full.text)
    if shown.kind is ValueKind.SECRET or is_secret_key(key) or any(is_secret_key(name) for name in own.names):
        # What the variable holds is judged where it is set; here stands only its name.
        return ServiceVariable(key, ValueKind.REFERENCE, len(raw), place, own.text if own.missing else None, where)
    kind = ValueKind.REFERENCE if full.missing else shown.kind
    return ServiceVariable(key, kind, len(full.text), place, full.text, where)


def _pairs(context: Context, node: Node | None, where: str) -> list[ServiceVariable]:
    pairs = list(as_pairs(node))
    public = {_written(value) for key, value in pairs if key.text.upper().rpartition("_")[2] in _PUBLIC_NAMES} - {""}
    found = []
    for key, value in pairs:
        made = _variable(context, key.text, value, where, key.location)
        # A password that is the user's or the database's name is the first that everyone tries.
        found.append(replace(made, default_credential=made.default_credential or _written(value) in public))
    return found


def _written(node: Node | None) -> str:
    """A value as the file has it, defaults of variables filled in."""
    return interpolate(node.text, {}).text if isinstance(node, Scalar) and not node.is_null else ""


def _words(context: Context, node: Node | None) -> tuple[tuple[str, Location], ...] | None:
    """``command`` or ``entrypoint``: a list as it is, a text split as a shell would; None where there is none."""
    if isinstance(node, Items):
        return _texts(context, node)
    text = context.text(node)
    if text is None or node is None:
        return None
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return tuple((word, node.location) for word in words)


def _command_secrets(context: Context, *nodes: Node | None) -> list[ServiceVariable]:
    """Literal secrets of a command line; a default of a variable counts as one."""
    found = []
    bare = Context({}, context.bases, context.directory)
    for node in nodes:
        words = _words(bare, node) or ()
        raw = _words(Context({}, {}, ""), node) or ()
        for secret in secret_words([word for word, _ in words]):
            place = raw[secret.index][1] if secret.index < len(raw) else words[secret.index][1]
            written = node.items[secret.index] if isinstance(node, Items) and secret.index < len(node.items) else node
            default = isinstance(written, Scalar) and interpolate(written.text, {}).defaults
            found.append(
                ServiceVariable(
                    secret.key,
                    ValueKind.SECRET,
                    secret.length,
                    place,
                    None,
                    "command",
                    default_only=default,
                    default_credential=secret.default_credential,
                )
            )
    return found


def _env_files(context: Context, node: Node | None) -> tuple[tuple[str, Location], ...]:
    found = []
    for item in node.items if isinstance(node, Items) else (node,):
        written = item.get("path") if isinstance(item, Mapping) else item
        text = context.text(written)
        if text and written is not None:
            found.append((context.path(text, written.location), written.location))
    return tuple(found)


def _names(node: Node | None) -> tuple[str, ...]:
    if isinstance(node, Mapping):
        return tuple(key.text for key, _ in node)
    return tuple(item.text for item in node.items if isinstance(item, Scalar)) if isinstance(node, Items) else ()


def _build(context: Context, node: Node | None) -> tuple[str | None, str | None, str | None]:
    """Context, Dockerfile and target; no context where it lies outside or is remote."""
    written = node.get("context") if isinstance(node, Mapping) else node
    text = context.text(written)
    if isinstance(node, Mapping) and text is None:
        text, written = ".", node
    if text is None or written is None or "://" in text or text.startswith(("git@", "/", "~")):
        return None, None, None
    base = context.path(text, written.location)
    if base.startswith(".."):
        return None, None, None
    file, target = (node.get("dockerfile"), node.get("target")) if isinstance(node, Mapping) else (None, None)
    if isinstance(node, Mapping) and node.get("dockerfile_inline"):
        return base, None, context.text(target)
    name = context.text(file) or "Dockerfile"
    return base, posixpath.normpath(posixpath.join(base, name)), context.text(target)


def _masked(words: tuple[tuple[str, Location], ...] | None) -> tuple[tuple[str, Location], ...] | None:
    if words is None:
        return None
    return tuple(zip(masked([word for word, _ in words]), [place for _, place in words], strict=True))


def read_service(context: Context, name: Scalar, node: Mapping, configs: MappingOf[str, str]) -> Service:
    """A service's facts; its role is decided later. ``configs``: top-level configs -> their files."""
    build = node.get("build")
    build_context, dockerfile, target = _build(context, build)
    command, entrypoint = node.get("command"), node.get("entrypoint")
    words, entry_words = _masked(_words(context, command)), _masked(_words(context, entrypoint))
    variables = _pairs(context, node.get("environment"), "environment")
    if isinstance(build, Mapping):
        variables += _pairs(context, build.get("args"), "build.args")
    variables += _command_secrets(context, command, entrypoint)
    user = node.get("user")
    expose = [text.partition("/")[0] for text, _ in _texts(context, node.get("expose"))]
    return Service(
        name=name.text,
        role=ServiceRole.OTHER,
        store=None,
        image=context.known(node.get("image")),
        build_context=build_context,
        dockerfile=dockerfile,
        build_target=target,
        command=tuple(word for word, _ in words) if words is not None else None,
        command_location=(node.key("command") or name).location if words is not None else None,
        entrypoint=tuple(word for word, _ in entry_words) if entry_words is not None else None,
        ports=_ports(context, node.get("ports")),
        expose=tuple(int(text) for text in expose if text.isdigit()),
        variables=tuple(variables),
        env_files=_env_files(context, node.get("env_file")),
        volumes=_volumes(context, node.get("volumes")),
        networks=_names(node.get("networks")),
        network_mode=context.text(node.get("network_mode")),
        user=context.known(user),
        user_location=user.location if user is not None else None,
        profiles=_names(node.get("profiles")),
        working_dir=context.text(node.get("working_dir")),
        depends_on=_names(node.get("depends_on")),
        location=name.location,
        command_words=words,
        entrypoint_words=entry_words,
        labels=tuple((key.text, context.text(value) or "") for key, value in as_pairs(node.get("labels"))),
        aliases=_aliases(context, node),
        configs=_configs(context, node.get("configs"), configs),
    )


def _aliases(context: Context, node: Mapping) -> tuple[str, ...]:
    found = [context.text(node.get("container_name")), context.text(node.get("hostname"))]
    networks = node.get("networks")
    for _, network in networks if isinstance(networks, Mapping) else ():
        if isinstance(network, Mapping):
            found += [text for text, _ in _texts(context, network.get("aliases"))]
    return tuple(dict.fromkeys(text for text in found if text))


def _configs(context: Context, node: Node | None, known: MappingOf[str, str]) -> tuple[tuple[str, str], ...]:
    found = []
    for item in node.items if isinstance(node, Items) else ():
        if isinstance(item, Mapping):
            source, target = context.text(item.get("source")) or "", context.text(item.get("target"))
        else:
            source, target = context.text(item) or "", None
        if source in known:
            found.append((known[source], target or f"/{source}"))
    return tuple(found)
