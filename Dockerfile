# The scanner's own image. A machine without an image registry builds it with --build-arg BASE=<its own image>.
# Optional build secrets: `ca` (a bundle for a private certificate authority) and `index` (the URL of a package index).
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS environment
WORKDIR /src
COPY requirements/bootstrap.txt requirements/build.txt requirements/runtime.txt requirements/
RUN --mount=type=secret,id=ca --mount=type=secret,id=index \
    set -eu; \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi; \
    if [ -f /run/secrets/index ]; then PIP_INDEX_URL="$(cat /run/secrets/index)"; export PIP_INDEX_URL UV_DEFAULT_INDEX="$PIP_INDEX_URL"; fi; \
    python -m venv /build; \
    /build/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/bootstrap.txt; \
    /build/bin/uv pip install --quiet --no-cache --python /build/bin/python --require-hashes -r requirements/build.txt; \
    python -m venv --without-pip /opt/seatrial; \
    /build/bin/uv pip install --quiet --no-cache --python /opt/seatrial/bin/python --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY scanner scanner
RUN /build/bin/python -m hatchling build -t wheel -d /dist \
 && /build/bin/uv pip install --quiet --no-cache --offline --no-deps --python /opt/seatrial/bin/python /dist/*.whl \
 && rm -f /opt/seatrial/bin/uvx \
 && /opt/seatrial/bin/python -m compileall -q /opt/seatrial/lib

# git is used for plumbing alone (tracked files, commits, one fetch): its servers, its scripts in Perl, and Perl, are a
# sixth of the image.
FROM ${BASE}
RUN --mount=type=secret,id=ca \
    set -eu; \
    apt() { apt-get -qq -o Acquire::Retries=3 -o Acquire::https::CAInfo="$([ -f /run/secrets/ca ] && echo /run/secrets/ca || echo /etc/ssl/certs/ca-certificates.crt)" "$@"; }; \
    apt update; \
    DEBIAN_FRONTEND=noninteractive apt install -y --no-install-recommends \
        bubblewrap ca-certificates docker-buildx docker-cli docker-compose git nginx tini >/dev/null; \
    dpkg --purge --force-depends $(dpkg-query --show --showformat '${Package} ' perl 'perl-modules*' 'libperl5*' liberror-perl) >/dev/null 2>&1; \
    (cd /usr/lib/git-core && rm -f git-daemon git-http-backend git-http-fetch git-http-push git-imap-send git-shell git-sh-i18n--envsubst scalar); \
    rm -f /usr/bin/git-shell /usr/bin/scalar; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale
COPY --from=environment /opt/seatrial /opt/seatrial
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    DOCKER_CONFIG=/tmp/.docker \
    HOME=/tmp \
    LANG=C.UTF-8
ARG VERSION=unreleased
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="seatrial" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
# Absolute, and without WORKDIR, USER or VOLUME: a CI system that starts it sets its own.
ENTRYPOINT ["/usr/bin/tini", "-g", "--", "/opt/seatrial/bin/seatrial"]
CMD ["scan"]
