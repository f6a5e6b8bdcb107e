# The product alone: neither simulators nor benchmarks nor tests come along, nor what builds the pages.
FROM python:3.13-slim AS dependencies
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir uv==0.13.9 \
    && /venv/bin/uv pip sync --python /venv/bin/python --no-cache --compile-bytecode requirements.lock \
    && /venv/bin/pip uninstall --yes uv pip

FROM python:3.13-slim AS assets
WORKDIR /build
COPY requirements-build.lock .
RUN python -m venv /node \
    && /node/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY .npmrc package.json package-lock.json tsconfig.json tsconfig.sw.json ./
COPY tools/build_assets.py tools/build_assets.py
COPY app/web app/web
RUN /node/bin/python tools/build_assets.py

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    VAR_DIR=/var/lib/suixinding
RUN useradd --system --uid 10001 --home-dir /var/lib/suixinding --create-home suixinding
COPY --from=dependencies /venv /venv
WORKDIR /srv/suixinding
COPY alembic.ini ./
COPY migrations migrations
COPY app app
COPY --from=assets /build/app/web/static app/web/static
USER suixinding
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from os import environ; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + environ['PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "app", "serve"]
