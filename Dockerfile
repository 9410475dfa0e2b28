# syntax=docker/dockerfile:1
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python3 -m venv /opt/spend-exporter
# The locked packages are a layer of their own: a change of the program does not install them again.
COPY requirements-image.lock ./
RUN /opt/spend-exporter/bin/pip install --require-hashes -r requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /opt/spend-exporter/bin/pip install --no-deps --no-build-isolation . \
    && /opt/spend-exporter/bin/pip uninstall -y setuptools pip

FROM ${BASE}
LABEL org.opencontainers.image.title="spend-exporter" \
      org.opencontainers.image.description="Cost, token, budget and forecast metrics for AI, SaaS and cloud providers" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 spend \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/spend-exporter --shell /usr/sbin/nologin spend \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/spend-exporter
COPY --from=build /opt/spend-exporter /opt/spend-exporter
ENV PATH=/opt/spend-exporter/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SPEND_DATA_DIR=/var/lib/spend-exporter \
    SPEND_LISTEN=0.0.0.0:9918
USER 10001:10001
# ./spend.yaml is the default configuration: mount yours here.
WORKDIR /etc/spend-exporter
VOLUME /var/lib/spend-exporter
EXPOSE 9918
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9918/-/healthy', timeout=4)"]
ENTRYPOINT ["spend-exporter"]
CMD ["serve"]
