"""What the site's error pages show."""

from dataclasses import dataclass

from scanner.model import Door, Exchange


@dataclass(frozen=True)
class ErrorPage:
    """One provoked error."""

    trigger: str
    """``not-found``, ``bad-host``, ``boom``, ``no-token``."""
    door: Door
    status: int
    debug_markers: tuple[str, ...]
    """Markers of Django's debug pages in the body; two on one page prove DEBUG."""
    leak_markers: tuple[str, ...]
    length: int
    content_type: str
    exchange: Exchange


@dataclass(frozen=True)
class ErrorPages:
    """The answers of probe ``error-pages``."""

    pages: tuple[ErrorPage, ...]
    not_asked: tuple[str, ...] = ()

    @property
    def debug_page(self) -> ErrorPage | None:
        """A page with at least two debug markers."""
        return next((page for page in self.pages if len(page.debug_markers) >= 2), None)
