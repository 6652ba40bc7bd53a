# Four images from one file: docker build --target serving|components|monitoring|governor .   (make images)
# Plain syntax: builds with and without BuildKit. The base is an argument, so that a team can bring its own.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# Bytecode is made here: a container's root is read-only, so each start would compile all that it imports. Its header
# holds the source's hash, not its time, so that one source makes one file; none looks at it, for an image never changes.
ARG COMPILE="python3 -W ignore -m compileall -q --invalidation-mode unchecked-hash"

# What each room needs, from its own hashed lock; pip and build tools stay behind.
FROM ${BASE_IMAGE} AS builder
ARG COMPILE
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 COMPILE=${COMPILE}
# So that tools/images finds, and deletes, what the classic builder leaves of stages.
LABEL org.opencontainers.image.title="evenkeel"
WORKDIR /build
COPY locks/ locks/
COPY tools/image-venv tools/sbom tools/
COPY evenkeel/ evenkeel/
COPY pyproject.toml README.md LICENSE ./

FROM ${BASE_IMAGE} AS runtime
ARG COMPILE
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 MALLOC_ARENA_MAX=2 HOME=/tmp EVENKEEL_HOME=/data
WORKDIR /app
# No package manager of Python's is left to run. Above the revision, so that this layer outlives a commit.
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/site-packages/setuptools* \
      /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
 && ${COMPILE} -x '/tests?/' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && mkdir -p /data && chown 10001:10001 /data
# A number, so that Kubernetes can prove runAsNonRoot.
USER 10001:10001
ARG REVISION=unknown
LABEL org.opencontainers.image.title="evenkeel" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"

# Each image's stages stand together: the classic builder makes every stage above the one that is asked for.
FROM builder AS serving-packages
RUN tools/image-venv serving
COPY serving/ /app/serving/
RUN ${COMPILE} /app

FROM runtime AS serving
COPY --from=serving-packages /opt/venv /opt/venv
COPY --from=serving-packages /app /app
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=2s --start-period=10s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=1)"]
ENTRYPOINT ["python", "-m", "serving"]
CMD ["--model-dir", "/mnt/models", "--host", "0.0.0.0", "--port", "8080"]

FROM builder AS components-packages
RUN tools/image-venv components
COPY components/ /app/components/
RUN ${COMPILE} /app

FROM runtime AS components
COPY --from=components-packages /opt/venv /opt/venv
COPY requirements.lock /app/
COPY --from=components-packages /app /app

FROM builder AS monitoring-packages
RUN tools/image-venv monitoring
COPY monitoring/ /app/monitoring/
RUN ${COMPILE} /app

FROM runtime AS monitoring
COPY --from=monitoring-packages /opt/venv /opt/venv
COPY --from=monitoring-packages /app /app
ENTRYPOINT ["python", "-m", "monitoring"]

# Asks for new models: what starts a pipeline, behind the webhook that Alertmanager calls.
FROM builder AS governor-packages
RUN tools/image-venv governor
COPY components/ /app/components/
COPY pipelines/ /app/pipelines/
COPY monitoring/ /app/monitoring/
RUN ${COMPILE} /app

FROM runtime AS governor
COPY --from=governor-packages /opt/venv /opt/venv
COPY requirements.lock /app/
COPY --from=governor-packages /app /app
ENTRYPOINT ["python", "-m", "monitoring"]
