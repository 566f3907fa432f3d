"""Whether a cache between the client and Django gives one client's answer to another."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class CachePair:
    """One question, asked twice by clients that have nothing in common."""

    target: str
    location: Location | None
    """The place of the configuration that took the requests."""
    same_body: bool
    """Both got the page that Django made for one of them."""
    same_cookie: bool
    """Both got the same CSRF token, or a cookie that was made for one of them."""
    public: bool
    """The page may be kept by shared caches although the application did not say so."""
    cache_control: str
    vary: str
    cache_headers: tuple[str, ...]
    """Age, X-Cache and the like, as they came."""
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True)
class CacheReplay:
    """The answers of probe ``cache-replay``."""

    pairs: tuple[CachePair, ...]
    not_asked: tuple[str, ...] = ()
