"""A rate limit of the proxy's own is waited out, or told."""

import pytest

from scanner.facts.echo_host import EchoHost
from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Request
from scanner.probes import pacing
from tests.probes.recorded import Recorded, facts, page, question_of, target_of

LIMITED = page("<html><hr><center>nginx</center></html>", 503)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("scanner.probes.pacing.time.sleep", waited.append)
    return waited


def test_what_was_turned_away_is_asked_again(pauses: list[float]) -> None:
    before: dict[str, int] = {}

    def limited(request: Request, _answer: Recorded) -> Recorded:
        asked = question_of(request)
        before[asked] = before.get(asked, 0) + 1
        return LIMITED if target_of(request).endswith("/page") and before[asked] <= 2 else None

    found = facts("article-good", limited).get(HeaderSurvey)
    assert len(found.of("page")) == 2
    assert pauses
    assert pauses[:2] == [pacing.FIRST_PAUSE, pacing.FIRST_PAUSE * 3]


def test_a_limit_that_stays_is_given_up_on(pauses: list[float]) -> None:
    def limited(request: Request, answer: Recorded) -> Recorded:
        return LIMITED if answer is not None and request.raw else None

    found = facts("article-good", limited).get(StackIdentity)
    assert "-> 503" in found.why_not
    assert len(pauses) <= 12


@pytest.mark.parametrize("answer", [page("Maintenance", 503), page("<hr><center>nginx</center>", 502), page("", 500)])
def test_only_limits_are_waited_for(pauses: list[float], answer: Recorded) -> None:
    def broken(request: Request, _answer: Recorded) -> Recorded:
        return answer if "/accounts/login/__" in target_of(request) else None

    found = facts("article-good", broken).get(EchoHost)
    assert [one.prefix for one in found.answers] == [""]
    assert pauses == []


def test_429_of_whatever_page_is_a_limit(pauses: list[float]) -> None:
    def limited(request: Request, _answer: Recorded) -> Recorded:
        return page("slow down", 429) if "/accounts/login/__" in target_of(request) else None

    assert [one.prefix for one in facts("article-good", limited).get(EchoHost).answers] == [""]
    assert pauses
