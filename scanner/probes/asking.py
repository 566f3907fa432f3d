"""How probes ask: requests as raw bytes with a label that a person could type, and what must be there to ask at all."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from scanner.facts.live_stack import Edge, LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import Door, NotApplicable, Reads, Request, Unavailable, clean

Headers = tuple[tuple[str, str], ...]

AGENT: Final = "Mozilla/5.0 (compatible; seatrial)"
ACCEPT: Final = "text/html,*/*;q=0.8"
AS_HOST: Final = ""
"""For ``sni``: the name in the Host header."""
CLIENT: Final = "203.0.113.7"
"""The visitor whom a load balancer in front would name (RFC 5737)."""
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~?-._"
_STANDARD: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Way:
    """By which door the site is asked, and what a load balancer in front would add."""

    door: Door
    headers: Headers = ()
    assumed_edge: bool = False
    """TLS ends in front of this proxy: the plain door is asked as a load balancer would."""


def secure_way(stack: LiveStack, settings: Settings | None) -> Way | None:
    """How to ask the site over https; None where it is served in plain text only."""
    door = stack.door("https")
    if door is not None:
        return Way(door)
    plain = stack.door("http")
    if stack.site.edge is not Edge.TLS or plain is None:
        return None
    name, value = scheme_header(settings)
    return Way(
        plain, ((name, value), ("X-Forwarded-For", CLIENT), ("X-Forwarded-Host", stack.site.name)), assumed_edge=True
    )


def main_way(stack: LiveStack, settings: Settings | None) -> Way:
    """How visitors come: over https, else in plain text. Raises Unavailable when the proxy has no door."""
    secure = secure_way(stack, settings)
    if secure is not None:
        return secure
    plain = stack.door("http")
    if plain is None:
        raise Unavailable("the proxy listens at no address that can be asked")
    return Way(plain)


def scheme_header(settings: Settings | None) -> tuple[str, str]:
    """The header that tells Django of https, as the client would write it, with its value."""
    chosen = settings.strings("SECURE_PROXY_SSL_HEADER") if settings else ()
    if len(chosen) == 2 and chosen[0].startswith("HTTP_"):
        return chosen[0].removeprefix("HTTP_").replace("_", "-").title(), chosen[1]
    return "X-Forwarded-Proto", "https"


def question(
    door: Door,
    target: str,
    host: str | None,
    *,
    method: str = "GET",
    headers: Headers = (),
    body: bytes | None = None,
    sni: str | None = AS_HOST,
) -> Request:
    """One request. ``host`` None: HTTP/1.0 without Host. ``sni`` None: none is sent. ``target`` goes out as it is."""
    lines = [f"{method} {target} {'HTTP/1.0' if host is None else 'HTTP/1.1'}"]
    lines += [] if host is None else [f"Host: {host}"]
    given = {name.lower() for name, _ in headers}
    fixed = (("User-Agent", AGENT), ("Accept", ACCEPT), ("Connection", "close"))
    lines += [f"{name}: {value}" for name, value in fixed if name.lower() not in given]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append("Content-Type: application/x-www-form-urlencoded") if "content-type" not in given else None
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(_one_line(line) for line in lines)
    server_name = None
    if door.scheme == "https":
        server_name = (host or "").partition(":")[0] or None if sni == AS_HOST else sni
    return Request(
        door=door,
        raw=head.encode("latin-1", "replace") + b"\r\n\r\n" + (body or b""),
        sni=server_name,
        label=_label(door, method, target, host, headers, server_name),
    )


def connection(door: Door) -> Request:
    """Only connect."""
    return Request(door, b"", verify=False, reads=Reads.CONNECT_ONLY, label=f"connect to {door.address}:{door.port}")


def _one_line(text: str) -> str:
    """Names and values from the project's settings must not begin a line of their own."""
    return text.replace("\r", "").replace("\n", "").replace("\0", "")


def _label(door: Door, method: str, target: str, host: str | None, headers: Headers, sni: str | None) -> str:
    """``GET https://shop.example/x with Origin: null``; what only a load balancer would add is named as well."""
    port = "" if _STANDARD.get(door.scheme) == door.port else f":{door.port}"
    if "://" in target:
        url = f"{target} (Host: {host})"
    elif host is None:
        url = f"{door.scheme}://{door.address}{port}{target} without Host"
    else:
        url = f"{door.scheme}://{host}{'' if ':' in host else port}{target}"
    note = ""
    if door.scheme == "https" and sni != (host or "").partition(":")[0]:
        note = f" (TLS for {sni})" if sni else " (TLS without a name)"
    shown = [f"{name}: {_shown(name, value)}" for name, value in headers]
    return clean(f"{method} {url}{note}{' with ' if shown else ''}{', '.join(shown)}")


def _shown(name: str, value: str) -> str:
    return f"<{len(value)} characters>" if name.lower() in {"cookie", "authorization"} else value


def mark(stack: LiveStack, view: str, prefix: str = "") -> str:
    """The target of one view of the probe application, under a prefix without a final slash."""
    return f"{prefix}/__seatrial_{stack.nonce}/{view}"


def evil_name(stack: LiveStack) -> str:
    """A host name that nobody declares."""
    return f"evil-{stack.nonce}.test"


def site_path(url: str, stack: LiveStack) -> str | None:
    """The path of a URL of the settings on this site, ready for the wire; None where it leads to another host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if host is not None and host not in stack.site.names:
        return None
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    return quote(path, safe=_PATH_CHARACTERS) if url else None


def require_app(stack: LiveStack, identity: StackIdentity) -> None:
    """Raise Unavailable where the probe application cannot be asked."""
    require_started(stack)
    if identity.reached is Reached.NONE:
        raise Unavailable(identity.why_not)


def require_started(stack: LiveStack) -> None:
    """Raise Unavailable where the application does not run."""
    if not stack.app_ready:
        raise Unavailable(f"the application did not start: {stack.app_error}")


def require_own_proxy(stack: LiveStack, nginx: Nginx | None) -> Nginx:
    """The model of the configuration that the proxy runs. Raises NotApplicable where it is our reference proxy."""
    if nginx is None:
        raise NotApplicable("no proxy configuration in the repository")
    if not stack.own_proxy:
        raise NotApplicable(next(iter(stack.notes), "the proxy does not run the project's configuration"))
    return nginx


def require_end_of_tls(stack: LiveStack) -> None:
    """Raise NotApplicable where TLS ends in front of this proxy."""
    if stack.site.edge is Edge.TLS and stack.door("https") is None:
        raise NotApplicable("TLS ends before this proxy")


def require_same_peer(stack: LiveStack) -> None:
    """Raise NotApplicable where the application sees another peer than in production."""
    if not stack.same_as_target:
        raise NotApplicable("the target's placement of proxy and application could not be copied")
