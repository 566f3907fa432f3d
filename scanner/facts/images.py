"""What is known of container images by their name: stores, proxies, administration tools, the user they run as."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Image:
    """An image reference, taken apart."""

    name: str
    """Without registry, tag and digest: ``postgres``, ``bitnami/redis``."""
    tag: str | None
    digest: str | None

    @property
    def last(self) -> str:
        """The last part of the name: ``redis``."""
        return self.name.rpartition("/")[2]


def parse_image(text: str) -> Image:
    """Take an image reference apart; ``library/`` and the registry's host are left out."""
    rest, _, digest = text.strip().partition("@")
    head, slash, tail = rest.rpartition("/")
    tail, _, tag = tail.partition(":")
    parts = [part for part in (head.split("/") if slash else []) if part]
    if parts and ("." in parts[0] or ":" in parts[0] or parts[0] == "localhost"):
        parts = parts[1:]
    if parts[:1] == ["library"]:
        parts = parts[1:]
    return Image("/".join([*parts, tail]).casefold(), tag or None, digest or None)


_STORES = (
    (
        "postgresql",
        r"postgres(?:ql)?|postgis|pgvector|timescaledb(?:-ha)?|timescale|pgbouncer|spilo-\d+|supabase-postgres",
    ),
    ("mysql", r"mysql|mysql-server|mariadb|percona(?:-server)?"),
    ("redis", r"redis(?:-stack(?:-server)?)?|valkey|keydb|dragonfly"),
    ("memcached", r"memcached"),
    ("mongodb", r"mongo(?:db)?(?:-community-server)?"),
    ("rabbitmq", r"rabbitmq"),
    ("elasticsearch", r"elasticsearch(?:-oss)?|opensearch"),
    ("sqlserver", r"mssql(?:-server(?:-linux)?)?|azure-sql-edge"),
    ("clickhouse", r"clickhouse(?:-server)?"),
    ("cassandra", r"cassandra|scylla"),
)
_PORTS = {
    5432: "postgresql",
    3306: "mysql",
    1433: "sqlserver",
    27017: "mongodb",
    6379: "redis",
    11211: "memcached",
    9200: "elasticsearch",
    5672: "rabbitmq",
}
_PROXY = re.compile(
    r"nginx(?:-\w+)*|openresty|traefik|caddy(?:-\w+)*|haproxy|httpd|apache2?|envoy|swag|varnish|lighttpd|angie|freenginx"
    r"|h2o|pound|ingress"
)
_ADMIN = re.compile(
    r"adminer|pgadmin4?|pgweb|phpmyadmin|flower|redis-commander|redisinsight|phpredisadmin|mailhog|mailpit|maildev|portainer"
    r"(?:-ce|-ee)?|grafana(?:-oss)?|prometheus|kibana|mongo-express|dozzle|cadvisor|opensearch-dashboards|alertmanager"
)
_ROOT = re.compile(
    r"python|debian|ubuntu|alpine|node|nginx|httpd|caddy|busybox|fedora|centos|rockylinux|almalinux|amazonlinux|buildpack-deps"
    r"|golang|rust|ruby|php|openjdk|eclipse-temurin|pypy|archlinux|uv|micromamba|miniconda3|anaconda3|cuda|bash|traefik"
    r"|uwsgi-nginx|uvicorn-gunicorn|uvicorn-gunicorn-fastapi|python-nodejs|gdal|openresty|certbot|docker|poetry"
)
_DROPS_ITSELF = re.compile(
    r"nginx|openresty|postgres|postgis|pgvector|redis|valkey|mysql|mariadb|mongo|rabbitmq|memcached|httpd|haproxy|caddy"
    r"|elasticsearch"
)


def store_of_image(text: str) -> str | None:
    """The store's kind: ``postgresql``, ``redis`` …; None for another image."""
    last = parse_image(text).last
    return next((kind for kind, names in _STORES if re.fullmatch(names, last)), None)


def store_of_port(port: int) -> str | None:
    """The store whose standard port that is."""
    return _PORTS.get(port)


def is_proxy(text: str) -> bool:
    """Whether it is an image of a reverse proxy or web server."""
    image = parse_image(text)
    return _PROXY.fullmatch(image.last) is not None and "exporter" not in image.last


def is_nginx(text: str) -> bool:
    """Whether its server is nginx."""
    return parse_image(text).last.startswith(("nginx", "openresty", "swag", "angie"))


def is_admin_tool(text: str) -> bool:
    """Whether it is an administration or monitoring tool that is meant for its operators only."""
    return _ADMIN.fullmatch(parse_image(text).last) is not None


def default_user(text: str) -> str | None:
    """The user as which an image runs where nothing else is said, as far as that is known; None: unknown."""
    image = parse_image(text)
    tag = image.tag or ""
    if "nonroot" in tag or "unprivileged" in image.last or "rootless" in image.last or "rootless" in tag:
        return "nonroot"
    if image.name.startswith("bitnami/"):
        return "1001"
    if image.name.startswith("chainguard/"):
        return "65532"
    if "distroless" in image.name:
        return "root"
    if image.name.count("/") == 0 or image.name.startswith(
        ("astral-sh/", "nvidia/", "tiangolo/", "nikolaik/", "docker/")
    ):
        return "root" if _ROOT.fullmatch(image.last) else None
    return None


def drops_privileges(text: str) -> bool:
    """Whether the official image starts as root only to change to a user of its own."""
    return _DROPS_ITSELF.fullmatch(parse_image(text).last) is not None
