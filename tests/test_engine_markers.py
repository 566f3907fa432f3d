"""The skipping of engine tests is loud, and forbidden where an engine is required."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

NEEDS_DOCKER = """
    import pytest

    @pytest.mark.docker
    def test_in_a_container():
        raise AssertionError("ran")

    def test_anywhere():
        pass
"""
SKIPS_ITSELF = """
    import pytest

    @pytest.mark.local
    def test_gives_up():
        pytest.skip("no image")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A test project with our conftest, where no program can be found."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    docker: engine\n    local: engine\n")
    monkeypatch.delenv("SEATRIAL_REQUIRE_ENGINE", raising=False)
    monkeypatch.setenv("PATH", str(pytester.path))
    return pytester


def test_a_missing_engine_skips_and_says_so(project: pytest.Pytester) -> None:
    project.makepyfile(NEEDS_DOCKER)
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*ENGINE TESTS THAT DID NOT RUN*", "*1 skipped: needs the docker engine; docker: *No such*"]
    )


def test_a_missing_engine_fails_where_one_is_required(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_REQUIRE_ENGINE", "1")
    project.makepyfile(NEEDS_DOCKER)
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes().get("skipped", 0) == 0
    result.stdout.fnmatch_lines(["*SEATRIAL_REQUIRE_ENGINE is set, and this test was skipped: *docker*"])


@pytest.mark.local
def test_a_test_that_skips_itself_fails_where_its_engine_is_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_REQUIRE_ENGINE", "1")
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    docker: engine\n    local: engine\n")
    pytester.makepyfile(SKIPS_ITSELF)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*this test was skipped: *no image*"])


def test_zero_requires_nothing(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_REQUIRE_ENGINE", "0")
    project.makepyfile(NEEDS_DOCKER)
    project.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1, skipped=1)
