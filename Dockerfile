# sip2d in a container: docker build -t sip2d . (how to run it: README, "Running it")
# The root file system may be read-only; state lies in /var/lib/sip2d, the configuration in /etc/sip2d/sip2d.toml.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/sip2d
COPY requirements/run.txt requirements/build.txt requirements/
RUN /opt/sip2d/bin/python -m pip install --require-hashes -r requirements/run.txt \
 && python -m pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md ./
COPY sip2d sip2d
COPY migrations migrations
COPY config config
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/sip2d/bin/python -m pip install --no-deps --no-index --find-links dist sip2d \
 && /opt/sip2d/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim
RUN groupadd --system --gid 10001 sip2d \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/sip2d --shell /usr/sbin/nologin sip2d \
 && install -d -o sip2d -g sip2d -m 0700 /var/lib/sip2d
COPY --from=build /opt/sip2d /opt/sip2d
COPY config/sip2d.toml /etc/sip2d/sip2d.toml
ENV PATH=/opt/sip2d/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/sip2d
VOLUME /var/lib/sip2d
# SIP2, SIP2 over TLS, and health with metrics (on loopback unless the configuration says otherwise).
EXPOSE 6001 6443 9109
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["sip2d", "healthcheck"]
ENTRYPOINT ["sip2d"]
CMD ["serve", "--config", "/etc/sip2d/sip2d.toml"]
