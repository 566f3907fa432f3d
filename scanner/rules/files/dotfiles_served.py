r"""Hidden files of a served directory can be fetched.

## Why is this bad
Names that begin with a dot are for tools: `.env`, `.htpasswd`, `.git`, an editor's copy. Whoever knows the name gets
them where no rule refuses it.

## Bad
    root /srv/shop/public;                 # with a .env.production in it

## Good
    location ~ /\.(?!well-known) { return 404; }     # and no ^~ location above it

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#location
- CWE-538
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.edge import same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.project_paths import where_of
from scanner.facts.proxy_tree import proxy_tree
from scanner.facts.repository import Repository
from scanner.facts.secret_paths import FileSeen, SecretPaths
from scanner.facts.served_files import reached_files, tree_secrets
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import LocationBlock, Modifier, ServedDirectory

_EMPTY = frozenset({".gitkeep", ".keep", ".gitignore", ".gitattributes", ".nojekyll", ".dockerignore", ".npmignore"})


@rule(severity=Severity.HIGH)
def check(
    nginx: Nginx,
    settings: Settings | None,
    source: SettingsSource | None,
    topology: Topology | None,
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
    repository: Repository | None,
    paths: SecretPaths | None,
) -> Iterator[Finding]:
    served = [one for one in nginx.main.served_directories() if not _is_apart(one, settings, topology)]
    if not served:
        raise NotApplicable("the proxy serves no directory but those of static files and uploads")
    tree = proxy_tree(nginx, compose, dockerfiles, topology)
    tracked = repository.tracked if repository is not None else frozenset()
    secrets = tree_secrets(settings, source, repository, tree).files
    hidden = sorted(path for path in tracked if _is_hidden(path))
    unknown = ""
    for one in served:
        seen = [hit for hit in paths.served if same_place(one.place.location, hit.location)] if paths else []
        if tree is None or one.is_template:
            unknown = unknown or f"what lies in {one.root} at {one.directive.location}"
            continue
        if any(not hit.name.startswith(".") for hit in seen) or reached_files(nginx.main, one, tree, secrets):
            continue  # the whole project is served: that is another finding
        reached = reached_files(nginx.main, one, tree, hidden)
        if reached or seen:
            yield _finding(one, reached, seen)
        elif not tree.complete and tree.checkout_of(one.directory) is None and not _refuses(one):
            unknown = unknown or f"what lies in {one.root} at {one.directive.location}"
    if unknown:
        raise UnknownValue(unknown)


def _is_apart(served: ServedDirectory, settings: Settings | None, topology: Topology | None) -> bool:
    """Certificate challenges, what ``collectstatic`` fills (it leaves hidden files out), uploads."""
    if isinstance(served.place, LocationBlock) and served.place.is_acme:
        return True
    if settings is None:
        return served.url.startswith(("/static/", "/media/"))
    here = where_of(served.directory, settings, topology)
    for url_name, root_name in (("STATIC_URL", "STATIC_ROOT"), ("MEDIA_URL", "MEDIA_ROOT")):
        url, root = settings.value(url_name), settings.value(root_name)
        if isinstance(url, str) and url.strip("/") and served.url.strip("/").startswith(url.strip("/")):
            return True
        if isinstance(root, str) and root and where_of(root, settings, None).holds(here):
            return True
    return False


def _is_hidden(path: str) -> bool:
    parts = path.split("/")
    return any(part.startswith(".") for part in parts) and parts[-1] not in _EMPTY and ".well-known" not in parts


def _refuses(served: ServedDirectory) -> bool:
    """A location for hidden files takes them away from this one."""
    place = served.place
    if isinstance(place, LocationBlock) and place.modifier is Modifier.PREFIX_FIRST:
        return False
    server = place.server if isinstance(place, LocationBlock) else place
    return any(one.is_regex and one.matches(f"{served.url.rstrip('/')}/.env") for one in server.locations)


def _finding(served: ServedDirectory, reached: list[str], seen: list[FileSeen]) -> Finding:
    names = [*(one.target for one in seen), *reached]
    place = served.place
    told = f"Hidden files of {quoted(served.root)} are served: {', '.join(map(quoted, names[:4]))}"
    guard = _guard(served)
    if guard is not None:
        told += f"; {quoted(guard.title)} is not asked below a `^~` location"
    evidence = [Evidence(served.directive.text, served.directive.location)]
    evidence += [Evidence(guard.title, guard.location)] if guard is not None else []
    evidence += [Evidence(exchange_text(one.exchange)) for one in seen[:3]]
    grave = any(name.rpartition("/")[2].startswith(".env") or "/.git/" in f"/{name}" for name in names)
    return Finding(
        message=f"{told}.",
        location=served.directive.location,
        symbol=place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=Severity.HIGH if grave else Severity.MEDIUM,
    )


def _guard(served: ServedDirectory) -> LocationBlock | None:
    """The location that was meant to refuse hidden files, where ``^~`` keeps it from being tried."""
    place = served.place
    if not isinstance(place, LocationBlock) or place.modifier is not Modifier.PREFIX_FIRST:
        return None
    return next(
        (one for one in place.server.locations if one.is_regex and one.matches(f"{served.url.rstrip('/')}/.env")), None
    )
