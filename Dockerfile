# The image of every process: web (the default), worker, beat. compose.yaml runs it.

FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
# The product's environment contains no pip: the tools' pip installs into it from outside.
RUN python3 -m venv /opt/tools && python3 -m venv --without-pip /opt/vestnik
WORKDIR /src
COPY requirements/base.txt requirements/build.txt requirements/
RUN /opt/tools/bin/pip --python /opt/vestnik/bin/python install --require-hashes --no-compile \
        --requirement requirements/base.txt \
    && /opt/tools/bin/pip install --require-hashes --requirement requirements/build.txt
COPY . .
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/tools/bin/pip --python /opt/vestnik/bin/python install --no-deps --no-compile \
        /dist/*.whl \
    && /opt/vestnik/bin/python -m compileall -q -j 0 /opt/vestnik/lib


FROM python:3.11-slim-bookworm

ENV PATH=/opt/vestnik/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VESTNIK_HOME=/var/lib/vestnik \
    WEB_HOST=0.0.0.0 \
    VESTNIK_PORT=8000 \
    LOG_FORMAT=json
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir "$VESTNIK_HOME" vestnik \
    && install --directory --owner vestnik --group vestnik --mode 0700 "$VESTNIK_HOME"
COPY --from=build /opt/vestnik /opt/vestnik
COPY --chmod=0755 docker/entrypoint /usr/local/bin/vestnik-entrypoint

USER 10001
WORKDIR /var/lib/vestnik
EXPOSE 8000
# The check of the web, which the image runs by default. The web migrates the database before it
# answers; this may take long and must not count as unhealthy.
HEALTHCHECK --interval=10s --timeout=10s --start-period=1h --retries=3 \
    CMD ["vestnik", "healthcheck", "web"]
ENTRYPOINT ["vestnik-entrypoint"]
# Any number may start at once: one of them migrates, under a lock.
CMD ["sh", "-c", "vestnik setup && exec vestnik web"]
