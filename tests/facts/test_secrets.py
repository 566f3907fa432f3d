"""What looks like a secret, and that none is ever handed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.secrets import ValueKind, examine, is_placeholder, is_secret_key, masked, secret_words


@pytest.mark.parametrize(
    "key",
    [
        "SECRET_KEY",
        "DB_PASSWORD",
        "db-password",
        "dbPassword",
        "PGPASSWORD",
        "API_KEY",
        "apiKey",
        "AWS_SECRET_ACCESS_KEY",
        "PRIVATE_KEY",
        "GITHUB_TOKEN",
        "SENTRY_DSN",
        "EMAIL_PASS",
        "MYSQL_PWD",
        "ENCRYPTION_KEY",
        "STRIPE_APIKEY",
        "rabbitmq.default.password",
        "GOOGLE_CREDENTIALS",
    ],
)
def test_secret_shaped(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "TOKEN_URL",
        "SECRET_KEY_FILE",
        "PASSWORD_MIN",
        "AUTH_PASSWORD_VALIDATORS",
        "PASSWORD_RESET_TIMEOUT",
        "TOKEN_ENDPOINT",
        "DEBUG",
        "ALLOWED_HOSTS",
        "KEYBOARD",
        "PUBLIC_KEY",
        "CACHE_KEY_PREFIX",
        "PROXY_PASS",
        "ACCESS_TOKEN_LIFETIME",
        "SECRETARY",
        "API_URL",
        "",
        "_",
        "PASSWORD_HASHERS",
        "AWS_ACCESS_KEY_ID",
    ],
)
def test_not_secret_shaped(key: str) -> None:
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ab",
        "xxxxxxxx",
        "********",
        "<password>",
        "${DB_PASSWORD}",
        "$(cat file)",
        "{{ vault_password }}",
        "%(ENV_X)s",
        "changeme",
        "change-me",
        "your-secret-key-here",
        "replace_me",
        "TODO",
        "my_secret_password",
        "insert your api key here",
        "example",
        "dummy-key",
        "test-token",
        "changeme123",
        "<your key>",
    ],
)
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    ["fixture-7Qz-mail-41-Kd", "hunter2", "correct horse battery staple", "p4ssw0rd", "django-insecure-abc", "s3cr3t"],
)
def test_no_placeholders(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("DB_PASSWORD", "fixture-7Qz", ValueKind.SECRET),
        ("DB_PASSWORD", "${DB_PASSWORD}", ValueKind.REFERENCE),
        ("DB_PASSWORD", "", ValueKind.EMPTY),
        ("DB_PASSWORD", "change-me", ValueKind.PLACEHOLDER),
        ("DB_PASSWORD", "/run/secrets/db", ValueKind.PLAIN),
        ("USE_TOKEN", "true", ValueKind.PLAIN),
        ("MAX_TOKENS", "4096", ValueKind.PLAIN),
        ("API_TOKEN", "op://vault/item", ValueKind.REFERENCE),
        ("API_TOKEN", "%d/token", ValueKind.REFERENCE),
        ("DATABASE_URL", "postgres://shop:fixture-k3@db/shop", ValueKind.SECRET),
        ("DATABASE_URL", "postgres://shop@db/shop", ValueKind.PLAIN),
        ("DATABASE_URL", "postgres://shop:${PW}@db/shop", ValueKind.REFERENCE),
        ("DATABASE_URL", "postgres://user:password@localhost/db", ValueKind.PLACEHOLDER),
        ("X", "redis://:fixture-9@redis:6379/0", ValueKind.SECRET),
        ("SENTRY_DSN", "https://publickey@o1.ingest.sentry.io/1", ValueKind.PLAIN),
        ("DEBUG", "1", ValueKind.PLAIN),
        ("NAME", "{{ name }}", ValueKind.REFERENCE),
    ],
)
def test_kinds(key: str, value: str, kind: ValueKind) -> None:
    seen = examine(key, value)
    assert seen.kind is kind
    assert (seen.value is None) is (kind is ValueKind.SECRET)


@pytest.mark.parametrize(("value", "default"), [("postgres", True), ("guest", True), ("fixture-k3Vw81", False)])
def test_passwords_that_products_ship_with_are_told(value: str, *, default: bool) -> None:
    assert examine("POSTGRES_PASSWORD", value).default_credential is default
    assert examine("URL", f"postgres://shop:{value}@db/x").default_credential is default


@pytest.mark.parametrize(
    ("argv", "keys", "shown"),
    [
        (["redis-server", "--requirepass", "fixture-1"], ["requirepass"], ["redis-server", "--requirepass", "***"]),
        (["x", "--password=fixture-1"], ["password"], ["x", "--password=***"]),
        (["docker", "run", "-e", "API_TOKEN=fixture-1"], ["API_TOKEN"], ["docker", "run", "-e", "API_TOKEN=***"]),
        (["celery", "-b", "amqp://u:fixture-1@h//"], ["url"], ["celery", "-b", "amqp://u:***@h//"]),
        (["sh", "-c", "DB_PASSWORD=fixture-1 gunicorn x"], ["DB_PASSWORD"], ["sh", "-c", "DB_PASSWORD=*** gunicorn x"]),
        (["gunicorn", "--bind", "0.0.0.0:8000"], [], ["gunicorn", "--bind", "0.0.0.0:8000"]),
        (["x", "--password", "${PW}"], [], ["x", "--password", "${PW}"]),
        (["sh", "-c", "echo password follows"], [], ["sh", "-c", "echo password follows"]),
    ],
)
def test_secrets_in_command_lines(argv: list[str], keys: list[str], shown: list[str]) -> None:
    assert [one.key for one in secret_words(argv)] == keys
    assert masked(argv) == tuple(shown)


@given(st.text(max_size=80), st.text(max_size=200))
def test_a_secret_is_never_handed_on(key: str, value: str) -> None:
    seen = examine(key, value)
    assert seen.kind is not ValueKind.SECRET or seen.value is None
    masked([f"{key}={value}", "--password", value])


@given(st.from_regex(r"[A-Za-z0-9]{12,24}", fullmatch=True))
def test_a_masked_command_line_does_not_hold_the_password(password: str) -> None:
    shown = masked(
        ["x", f"--password={password}", "--token", password, f"redis://:{password}@h/", f"A=1 API_KEY={password}"]
    )
    for word in shown[1:]:
        assert password not in word or not secret_words(["x", f"--password={password}"])
