"""One engine of each kind for the whole session, and a new one for tests that end it."""

from collections.abc import Iterator

import pytest

from tests.sandbox.leftovers import AnyEngine, make

ENGINES = [pytest.param("docker", marks=pytest.mark.docker), pytest.param("local", marks=pytest.mark.local)]


@pytest.fixture(scope="session")
def engines() -> Iterator[dict[str, AnyEngine]]:
    made: dict[str, AnyEngine] = {}
    yield made
    for engine in made.values():
        engine.close()


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest, engines: dict[str, AnyEngine]) -> AnyEngine:
    return engines.setdefault(request.param, engines.get(request.param) or make(request.param))


@pytest.fixture(params=ENGINES)
def fresh(request: pytest.FixtureRequest) -> Iterator[AnyEngine]:
    made = make(request.param)
    yield made
    made.close()
