# Two stages: the wheel is built in the first, the second holds nothing but what it needs.
FROM python:3.12-slim AS build
WORKDIR /src
# The pinned parts first: a change of our own code leaves this layer as it is.
COPY requirements requirements
RUN python -m venv /opt/triphammer \
 && /opt/triphammer/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt \
 && pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/triphammer/bin/pip install --no-cache-dir --no-deps /dist/*.whl \
 && /opt/triphammer/bin/python -m compileall -q /opt/triphammer/lib

FROM python:3.12-slim
LABEL org.opencontainers.image.title="triphammer" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /project triphammer \
 && install -d -o triphammer /project /data
COPY --from=build /opt/triphammer /opt/triphammer
ENV PATH=/opt/triphammer/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TRIPHAMMER_STORE__DATA=/data
# The number, so that Kubernetes can see that it is not root.
USER 10001
WORKDIR /project
VOLUME /data
EXPOSE 8420
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8420/livez', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["triphammer"]
CMD ["serve", "--host", "0.0.0.0"]
