"""What a command comes down to."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.commands import Script, plain_words, resolve
from scanner.facts.shell import here_documents, split_commands
from scanner.model import Location

PLACE = Location("x", 3, 5)
SCRIPTS = {
    "/entrypoint.sh": '#!/bin/sh\nset -e\npython manage.py migrate\nexport A=1 B="x y"\nexec "$@"\n',
    "/start.sh": "#!/bin/bash\n# gunicorn, they say\npython manage.py check\nexec gunicorn \\\n  shop.wsgi -b :8000\n",
    "/case.sh": (
        'case "$1" in\n  web|server) exec gunicorn a ;;\n  worker) exec celery -A x worker;;\n  *) exec "$@";;\nesac\n'
    ),
    "/if.sh": 'if [ "$DEBUG" = 1 ]; then\n  python manage.py runserver\nelse\n  gunicorn shop.wsgi\nfi\n',
    "/drop.sh": 'chown -R app /data\nexec gosu app "$@"\n',
    "/loop.sh": "exec /loop.sh\n",
    **{f"/many{n}.sh": "".join(f"/many{m}.sh\n" for m in range(12)) for n in range(12)},
}


def find(word: str) -> Script | None:
    return Script(word.lstrip("/"), SCRIPTS[word]) if word in SCRIPTS else None


@pytest.mark.parametrize(
    ("text", "argv", "server", "user"),
    [
        ("gunicorn shop.wsgi", ["gunicorn", "shop.wsgi"], "gunicorn", None),
        ("/srv/venv/bin/gunicorn x", ["/srv/venv/bin/gunicorn", "x"], "gunicorn", None),
        ("exec env A=1 nice -n 5 gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("sh -c 'python manage.py migrate && gunicorn x'", ["gunicorn", "x"], "gunicorn", None),
        ("bash -lc 'gunicorn x'", ["gunicorn", "x"], "gunicorn", None),
        ("uv run --no-dev --group prod gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("poetry run gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("pipenv --python 3 run gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("poetry install", ["poetry", "install"], None, None),
        ("tini -g -- newrelic-admin run-program gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("ddtrace-run gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("opentelemetry-instrument --traces_exporter none gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("doppler run -- gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("python -m uvicorn x:app", ["uvicorn", "x:app"], "uvicorn", None),
        ("python3.12 -u -W ignore -m gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("/venv/bin/python /venv/bin/daphne x:app", ["/venv/bin/daphne", "x:app"], "daphne", None),
        ("python manage.py runserver 0.0.0.0:80", ["manage.py", "runserver", "0.0.0.0:80"], "runserver", None),
        ("django-admin runserver", ["django-admin", "runserver"], "runserver", None),
        ("gosu app gunicorn x", ["gunicorn", "x"], "gunicorn", "app"),
        ("su-exec app:app gunicorn x", ["gunicorn", "x"], "gunicorn", "app"),
        ("setpriv --reuid=app --clear-groups gunicorn x", ["gunicorn", "x"], "gunicorn", "app"),
        ("sudo -u app -E gunicorn x", ["gunicorn", "x"], "gunicorn", "app"),
        ("su -s /bin/sh app -c 'gunicorn x'", ["gunicorn", "x"], "gunicorn", "app"),
        ("chpst -u app gunicorn x", ["gunicorn", "x"], "gunicorn", "app"),
        ("./wait-for-it.sh db:5432 -t 30 -- gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("timeout -k 5 30 gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("celery -A x worker", ["celery", "-A", "x", "worker"], None, None),
        ("/entrypoint.sh gunicorn x", ["gunicorn", "x"], "gunicorn", None),
        ("/entrypoint.sh celery -A x worker", ["celery", "-A", "x", "worker"], None, None),
        ("bash /start.sh", ["gunicorn", "shop.wsgi", "-b", ":8000"], "gunicorn", None),
        ("/case.sh web", ["gunicorn", "a"], "gunicorn", None),
        ("/case.sh worker", ["celery", "-A", "x", "worker"], None, None),
        ("/case.sh python manage.py shell", ["manage.py", "shell"], None, None),
        ("/if.sh", ["gunicorn", "shop.wsgi"], "gunicorn", None),
        ("/drop.sh gunicorn x", ["gunicorn", "x"], "gunicorn", "app"),
        ("/unknown.sh", ["/unknown.sh"], None, None),
        ("waitress-serve --port=80 x:app", ["waitress-serve", "--port=80", "x:app"], "waitress", None),
        ("uwsgi --ini x.ini", ["uwsgi", "--ini", "x.ini"], "uwsgi", None),
        ("docker compose up", ["docker", "compose", "up"], None, None),
    ],
)
def test_resolving(text: str, argv: list[str], server: str | None, user: str | None) -> None:
    found = resolve(plain_words(shlex.split(text), PLACE), find)
    assert found is not None
    assert (list(found.argv), found.server, found.user) == (argv, server, user)


def test_a_script_gives_each_word_its_own_place() -> None:
    found = resolve(plain_words(["/start.sh"], PLACE), find)
    assert found is not None
    assert [(str(word.location), word.location.column) for word in found.words] == [
        ("start.sh:4", 6),
        ("start.sh:5", 3),
        ("start.sh:5", 13),
        ("start.sh:5", 16),
    ]


def test_what_scripts_and_wrappers_set_is_kept() -> None:
    found = resolve(plain_words(["/entrypoint.sh", "env", "C=3", "gunicorn"], PLACE), find)
    assert found is not None
    assert found.environment == {"A": "1", "B": "x y", "C": "3"}


@pytest.mark.parametrize(
    "words", [[], ["env"], ["sh", "-c"], ["/loop.sh"], ["/many0.sh"], ["exec"], ["python", "-c", "x"], ["$@"]]
)
def test_nothing_to_run_is_no_crash(words: list[str]) -> None:
    found = resolve(plain_words(words, PLACE), find)
    assert found is None or found.server is None


def test_here_documents() -> None:
    text = (
        "x\nsudo tee /etc/a <<'EOF' > /dev/null\n[Service]\nUser=$X\nEOF\ncat <<-B\n\ty\n\tB\ncat <<Z\nnever closed\n"
    )
    quoted, dashed = here_documents(text)
    assert (quoted.text, quoted.line, quoted.expands) == ("[Service]\nUser=$X\n", 3, False)
    assert (dashed.text, dashed.line, dashed.expands) == ("\ty\n", 7, True)


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a && b || c; d | e & f", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a > x 2>&1 < y b", [["a", "b"]]),
        ("a 'b c' \"d $e\" f\\ g", [["a", "b c", "d $e", "f g"]]),
        ("if a; then b; else c; fi", [["a"], ["b"], ["c"]]),
        ("x=$(a; b) y ${z:-a b}", [["x=$(a; b)", "y", "${z:-a b}"]]),
        ("a # b\n# c\nd", [["a"], ["d"]]),
        ("a \\\n  b", [["a", "b"]]),
        ("a `b c` d", [["a", "`b c`", "d"]]),
        ("(a; b)", [["a"], ["b"]]),
        ("a &> x; b", [["a"], ["b"]]),
        ("'open", [["open"]]),
    ],
)
def test_shell(text: str, commands: list[list[str]]) -> None:
    assert [[word.text for word in one.words] for one in split_commands(text)] == commands


@given(st.text(alphabet=st.sampled_from(list("ab \n\t'\"`$(){}<>&|;#\\=EOF-/"))))
def test_no_shell_text_breaks_it(text: str) -> None:
    lines = text.count("\n") + 1
    for one in split_commands(text):
        assert all(1 <= word.line <= lines for word in one.words)
    here_documents(text)
    resolve(plain_words(["sh", "-c", text], PLACE), find)


@given(
    st.lists(
        st.sampled_from(
            ["env", "sh", "-c", "exec", "uv", "run", "--", "python", "-m", "gunicorn", "su", "a", "-u", "A=b"]
        )
    )
)
def test_no_command_breaks_it(words: list[str]) -> None:
    resolve(plain_words(words, PLACE), find)
