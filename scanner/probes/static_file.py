"""Who serves the static files?"""

import posixpath
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.facts.static_file import ServedBy, StaticFile
from scanner.model import Exchange, NotApplicable, Request, Response, Unavailable, probe
from scanner.probes.answers import body_of, is_gateway_error, outcome, status_of
from scanner.probes.asking import AS_HOST, evil_name, main_way, question, site_path
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "static-file"
_ADMIN: Final = "admin/css/base.css"


@probe()
def static_file(
    live: LiveStack,
    identity: StackIdentity,
    settings: Settings,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> StaticFile:
    """Ask for the canary under STATIC_URL; the proxy's and the application's files have different texts."""
    base = site_path(live.static_url, live)
    if base is None or not live.static_url or base == "/":
        raise NotApplicable("static files are not served below a path of this site")
    if not any(canary.purpose == "static" for canary in live.canaries):
        raise Unavailable("the directory of the static files is not known")
    if is_gateway_error(identity.home) and not live.own_proxy:
        raise Unavailable(f"the application did not start: {live.app_error}")
    way, name, target = main_way(live, settings), live.site.name, f"{base}seatrial-{live.nonce}.css"
    sni = name if way.door.scheme == "https" else AS_HOST
    plain = live.door("http")
    requests: dict[str, Request] = {
        "file": question(way.door, target, name, headers=way.headers),
        "foreign": question(way.door, target, evil_name(live), headers=way.headers[:2], sni=sni),
        "missing": question(way.door, f"{base}__nope_{live.nonce}.css", name, headers=way.headers),
        "head": question(way.door, target, name, method="HEAD", headers=way.headers),
    }
    if plain is not None and plain != way.door:
        requests["plain"] = question(plain, target, name)
    if settings.has_app("django.contrib.admin"):
        requests["admin"] = question(way.door, base + _ADMIN, name, headers=way.headers)
    answers = dict(zip(requests, ask_all(live, NAME, tuple(requests.values())), strict=True))
    found = answers["file"]
    if is_gateway_error(found):
        raise Unavailable(f"the application does not answer: {outcome(found)}")
    routes = Routes(live, nginx, servers)
    answer = found.answer
    return StaticFile(
        served_by=_served_by(live, found),
        status=status_of(found),
        content_type=(answer.value("Content-Type") or "") if isinstance(answer, Response) else "",
        headers=answer.headers if isinstance(answer, Response) else (),
        plain_status=status_of(answers["plain"]) if "plain" in answers else None,
        foreign_host_status=status_of(answers["foreign"]),
        collected=not any("collectstatic" in note for note in live.notes),
        alias=_alias(routes, base, way.door.scheme),
        assumed_place=_is_assumed(live),
        exchanges=tuple(answers.values()),
        not_asked=() if plain is not None else ("over http: there is no plain door",),
    )


def _served_by(live: LiveStack, exchange: Exchange) -> ServedBy:
    if status_of(exchange) != 200:
        return ServedBy.NOBODY
    body = body_of(exchange)
    for canary in live.canaries:
        if canary.purpose == "static" and canary.text.encode() in body:
            return ServedBy.PROXY if canary.tree == "proxy" else ServedBy.APP
    return ServedBy.NOBODY


def _is_assumed(live: LiveStack) -> bool:
    """Nobody knows where the proxy has the files: the canary was put where the configuration looks for it."""
    assumed = {posixpath.normpath(stub.what) for stub in live.stubs if stub.kind == "assumed-place"}
    return any(
        posixpath.dirname(canary.path) in assumed
        for canary in live.canaries
        if canary.tree == "proxy" and canary.purpose == "static"
    )


def _alias(routes: Routes, base: str, scheme: str) -> str | None:
    """The directory to which the proxy maps STATIC_URL."""
    best = ""
    found = None
    for files in routes.served:
        url = files.url
        if url is None or files.path is None or files.door.scheme != scheme:
            continue
        if (url == "" or base.startswith(f"{url}/")) and (found is None or len(url) > len(best)):
            best, found = url, posixpath.normpath(posixpath.join(files.path, base[len(url) :].strip("/")))
    return found
