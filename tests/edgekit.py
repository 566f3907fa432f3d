"""Plain facts of a proxy for clause tests: nginx text as the Nginx fact, app servers, answers of the live stack."""

from collections.abc import Mapping
from dataclasses import replace

from scanner.facts.app_servers import AppServer, AppServers, Bind, ServerKind
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Door, Errored, Exchange, Failed, Location, Outcome, Passed, Request, Response, Skipped
from scanner.nginx.effective import Configuration
from scanner.nginx.includes import load
from scanner.nginx.tree import parse
from tests.rulekit import DOORS, settings_of

MAIN = "/etc/nginx/nginx.conf"
SITE = "/etc/nginx/sites-enabled/shop.conf"

HEADERS = "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme;"
PASS = "proxy_pass http://127.0.0.1:8000;"
DJANGO = f"location / {{ {HEADERS} {PASS} }}"
TLS = "listen 443 ssl; server_name shop.example;"
PLAIN = "listen 80; server_name shop.example;"
REDIRECT = f"server {{ {PLAIN} return 301 https://$host$request_uri; }}"
REFUSE = "server { listen 80 default_server; listen 443 ssl default_server; return 444; }"


def https(body: str, names: str = TLS) -> str:
    """A server with TLS and that body."""
    return f"server {{ {names} {body} }}\n"


def nginx_of(http: str, *, complete: bool = True, scope: str = "prod", files: Mapping[str, str] | None = None) -> Nginx:
    """The Nginx fact of that text inside ``http``; ``files`` are included ones by their production path."""
    texts = {MAIN: f"http {{\n{http}\n}}", **(files or {})}
    parsed = {path: parse(text, path.removeprefix("/etc/nginx/")) for path, text in texts.items()}
    return Nginx(Configuration(load(MAIN, parsed), scope, complete))


def with_alternative(main: Nginx, other: Nginx) -> Nginx:
    """Two configurations of one repository."""
    return replace(main, alternatives=(other.main,))


def gunicorn(
    bind: str = "127.0.0.1:8000", *, container: str | None = None, trusted: tuple[str, ...] = ("127.0.0.1", "::1")
) -> AppServers:
    """One Gunicorn at that address."""
    place = Location("deploy/shop.service", 8)
    path = bind.removeprefix("unix:") if bind.startswith("unix:") else None
    host, _, port = bind.rpartition(":")
    where = Bind("", None, path, place) if path else Bind(host, int(port), None, place)
    return AppServers(
        (
            AppServer(
                kind=ServerKind.GUNICORN,
                artefact="unit shop.service",
                location=place,
                argv=("gunicorn", "shop.wsgi"),
                binds=(where,),
                application="shop.wsgi:application",
                trusted_peers=trusted,
                trusts_unix_peer=True,
                container=container,
            ),
        )
    )


def settings(**changed: object) -> Settings:
    """A hardened project's settings with these values."""
    return settings_of({"set": changed})


def exchange(label: str, status: int, headers: tuple[tuple[str, str], ...] = (), door: Door | None = None) -> Exchange:
    """One exchange with the live stack."""
    door = door or DOORS["https" if "https://" in label else "http"]
    return Exchange(1, "test", Request(door, b"", label=label), Response("HTTP/1.1", status, "", headers, b""))


def place(nginx: Nginx, pattern: str, port: int = 443) -> Location:
    """Where the location with that pattern stands, of the server on that port."""
    return next(
        one.location
        for server in nginx.main.servers
        if any(listen.port == port for listen in server.listens)
        for one in server.locations
        if one.pattern == pattern
    )


def short(outcome: Outcome, severity: str) -> list[str]:
    """An outcome as ``severity proof symbol`` lines, or as one word with the reason's kind."""
    match outcome:
        case Passed():
            return ["passed"]
        case Skipped(_, kind):
            return [f"skipped {kind}"]
        case Errored(detail, _):
            return [f"errored {detail}"]
        case Failed(findings):
            words = [severity if one.severity is None else one.severity.word for one in findings]
            return [f"{word} {one.proof} {one.symbol}" for word, one in zip(words, findings, strict=True)]
