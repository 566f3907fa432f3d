"""The project's own files can be fetched.

## Why is this bad
A server that gives away the checkout gives away the settings, the database file, the `.env` and the history of `.git`:
every secret of the site.

## Bad
    root /srv/shop;                          # where manage.py lies
    location / { try_files $uri @django; }

## Good
    location /static/ { alias /srv/shop/static/; }
    location / { proxy_pass http://127.0.0.1:8000; }

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/#static-root-and-static-url
- CWE-552
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.edge import same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.proxy_tree import ProxyTree, proxy_tree
from scanner.facts.repository import Repository
from scanner.facts.secret_paths import FileSeen, SecretPaths
from scanner.facts.served_files import TreeSecrets, reached_files, tree_secrets
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import LocationBlock, ServedDirectory

_HARMLESS = ("static", "media", "html", "letsencrypt", "certbot", "acme", "dist", "build", "www", "assets", "public")


@rule(severity=Severity.CRITICAL)
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
    directories = [one for one in nginx.main.served_directories() if not _is_challenge(one)]
    if not directories:
        raise NotApplicable("the proxy serves no directory")
    tree = proxy_tree(nginx, compose, dockerfiles, topology)
    secrets = tree_secrets(settings, source, repository, tree)
    found: dict[Location, list[tuple[ServedDirectory, list[str], list[FileSeen]]]] = {}
    unknown = ""
    for served in directories:
        seen = [one for one in paths.served if _is_here(served, one)] if paths is not None else []
        reached = [] if tree is None else reached_files(nginx.main, served, tree, secrets.files)
        if seen or (reached and not _refuted(paths)):
            found.setdefault(served.directive.location, []).append((served, reached, seen))
        elif paths is None and (served.is_template or (tree is None and not _looks_harmless(served))):
            unknown = unknown or f"what lies in {served.root} at {served.directive.location}"
    for places in found.values():
        yield _finding(places, secrets, tree)
    if unknown:
        raise UnknownValue(unknown)


def _is_challenge(served: ServedDirectory) -> bool:
    return isinstance(served.place, LocationBlock) and served.place.is_acme


def _is_here(served: ServedDirectory, seen: FileSeen) -> bool:
    return same_place(served.place.location, seen.location) and not seen.name.startswith(".canary")


def _refuted(paths: SecretPaths | None) -> bool:
    return paths is not None and not paths.not_asked and paths.refused > 0


def _looks_harmless(served: ServedDirectory) -> bool:
    return any(word in part.lower() for part in served.directory.split("/")[-3:] for word in _HARMLESS)


def _finding(
    places: list[tuple[ServedDirectory, list[str], list[FileSeen]]], secrets: TreeSecrets, tree: ProxyTree | None
) -> Finding:
    served, reached, seen = next((one for one in places if one[2]), places[0])
    names = list(dict.fromkeys([one.target for one in seen] + reached))
    grave = any(path in secrets.worst for path in reached) or any(_is_grave(one) for one in seen)
    evidence = [Evidence(served.directive.text, served.directive.location)]
    evidence += [Evidence(f"{one.place.symbol}: {one.url} is {one.directory}") for one, _, _ in places[:3]]
    if tree is not None and tree.service is not None:
        evidence.append(Evidence(f"mounted into service {tree.service.name}", _mount(tree, served)))
    evidence += [Evidence(f"{exchange_text(one.exchange)} with the content of {one.canary}") for one in seen[:4]]
    return Finding(
        message=f"The project's own files are served from {quoted(served.root)}: {', '.join(map(quoted, names[:5]))}.",
        location=served.directive.location,
        symbol=served.place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=Severity.CRITICAL if grave else Severity.HIGH,
    )


def _is_grave(seen: FileSeen) -> bool:
    name = seen.name.rpartition("/")[2]
    return name.startswith(".env") or name.endswith((".sqlite3", "HEAD", "config"))


def _mount(tree: ProxyTree, served: ServedDirectory) -> Location | None:
    directory = f"{served.directory.rstrip('/')}/"
    for volume in tree.service.volumes if tree.service is not None else ():
        if directory.startswith(f"{volume.target.rstrip('/')}/"):
            return volume.location
    return None
