"""One request to GitHub's REST API, and what can go wrong with it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from scanner import __version__
from scanner.model import clean

if TYPE_CHECKING:
    import requests

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of one answer."""
TIMEOUT = (10.0, 20.0)
"""Seconds to connect, and between two pieces of the answer."""
API_VERSION = "2022-11-28"


PAUSES = (1.0, 4.0, 16.0)
"""Seconds before the second, third and fourth try."""
PATIENCE = 60.0
"""Seconds to wait in all when GitHub asks for it."""
T = TypeVar("T")


class ApiFailed(Exception):
    """GitHub did not do what was asked.

    ``again`` says whether another try may help, and after how many seconds (None: after the usual pause).
    """

    def __init__(self, message: str, *, status: int = 0, again: bool = False, pause: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.again = again
        self.pause = pause


def patiently(work: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """The work, begun anew after a failure that may pass. Raises the last ApiFailed."""
    waited = 0.0
    for pause in PAUSES:
        try:
            return work()
        except ApiFailed as failure:
            wait = failure.pause if failure.pause is not None else pause
            if not failure.again or waited + wait > PATIENCE:
                raise
            waited += wait
            sleep(wait)
    return work()


@dataclass(frozen=True)
class Answer:
    """A successful answer: its JSON value, and the address of the next page."""

    status: int
    value: object
    following: str | None = None


@dataclass(frozen=True)
class Api:
    """GitHub's API below one address, with one token."""

    base: str
    token: str = field(repr=False)

    def get(self, path: str) -> Answer:
        """Read. Raises ApiFailed."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Create. Raises ApiFailed."""
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Mapping[str, object]) -> Answer:
        """Change. Raises ApiFailed."""
        return self._ask("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        """Remove. Raises ApiFailed."""
        return self._ask("DELETE", path, None)

    def download(self, path: str, limit: int) -> bytes:
        """The content that GitHub keeps elsewhere: it answers with an address that is asked without the token.

        Raises ApiFailed, also for more than ``limit`` bytes.
        """
        import requests  # noqa: PLC0415 - heavy, and most runs ask GitHub nothing

        try:
            with requests.get(
                f"{self.base}{path}", headers=self._headers(), timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                if response.status_code not in {301, 302, 303, 307, 308}:
                    content = _read(response, limit)
                    if not 200 <= response.status_code < 300:
                        raise _failure(response, _value(content))
                    return content
                address = response.headers.get("Location", "")
            # Plain http only where the API itself is: a test's server on this machine.
            if urlsplit(address).scheme not in {"https", urlsplit(self.base).scheme}:
                raise ApiFailed("GitHub names an address that is not https")
            with requests.get(address, timeout=TIMEOUT, allow_redirects=False, stream=True) as response:
                if response.status_code != 200:
                    raise ApiFailed(f"the download was answered with {response.status_code}", again=True)
                return _read(response, limit)
        except (requests.RequestException, OSError) as error:
            raise ApiFailed(f"GitHub cannot be reached ({type(error).__name__})", again=True) from None

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": f"seatrial/{__version__}",
            "X-GitHub-Api-Version": API_VERSION,
        }

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        import requests  # noqa: PLC0415 - heavy, and most runs ask GitHub nothing

        address = path if path.startswith(f"{self.base}/") else f"{self.base}{path}"
        try:
            # A redirect would carry the token elsewhere: none is followed.
            with requests.request(
                method, address, json=body, headers=self._headers(), timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as response:
                content = _read(response)
        except (requests.RequestException, OSError) as error:
            # The text of the exception may hold the address with all its parts; its type says enough.
            raise ApiFailed(f"GitHub cannot be reached ({type(error).__name__})", again=True) from None
        return _answer(response, content, self.base)


def _read(response: "requests.Response", limit: int = MAX_ANSWER) -> bytes:
    content = bytearray()
    for piece in response.iter_content(64 * 1024):
        content += piece
        if len(content) > limit:
            raise ApiFailed("GitHub's answer is too large")
    return bytes(content)


def _answer(response: "requests.Response", content: bytes, base: str) -> Answer:
    value = _value(content)
    if 200 <= response.status_code < 300:
        following = response.links.get("next", {}).get("url")
        # Only our own API is asked with the token, whatever a Link header says.
        return Answer(
            response.status_code, value, following if following and following.startswith(f"{base}/") else None
        )
    raise _failure(response, value)


def _value(content: bytes) -> object:
    try:
        value: object = json.loads(content) if content.strip() else None
    except (ValueError, RecursionError):
        return None
    return value


def _failure(response: "requests.Response", value: object) -> ApiFailed:
    said = value.get("message") if isinstance(value, dict) else None
    words = clean(said)[:200].replace("\n", " ") if isinstance(said, str) else "no reason given"
    status = response.status_code
    message = f"GitHub answered {status}: {words}"
    waiting = response.headers.get("Retry-After", "")
    limited = status == 429 or (status == 403 and (waiting or response.headers.get("X-RateLimit-Remaining") == "0"))
    if limited:
        return ApiFailed(message, status=status, again=True, pause=float(waiting) if waiting.isdigit() else None)
    return ApiFailed(message, status=status, again=status >= 500)
