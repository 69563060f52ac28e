# One image for the operator, the connectors and the simulators:
#
#   feedfleet-operator …
#   feedfleet-connector …
#   python -m feedfleet_connector.simulators …
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Without pip, which nothing needs once everything is installed: the build's own pip installs into it.
RUN python -m venv --without-pip /opt/feedfleet
WORKDIR /src
# What the image's parts need changes seldom. It is installed before the code, so that a build after an edit finds it done.
COPY pyproject.toml ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = project['optional-dependencies']; \
print(*project['dependencies'], *extras['connector'], *extras['operator'], *extras['fast'], sep='\n')" > requirements.txt \
 && python -m pip --python /opt/feedfleet/bin/python install --quiet --no-compile --only-binary :all: --requirement requirements.txt
COPY README.md LICENSE ./
COPY crds crds
COPY connector connector
COPY operator operator
COPY cli cli
RUN python -m pip --python /opt/feedfleet/bin/python install --quiet --no-compile '.[connector,operator,fast]'
# The image's file system is read-only where it runs, so the bytecode is made here. It is never compared with the sources,
# whose times differ from build to build. The Kubernetes client's models and typed calls, thousands of modules that nothing
# here loads, stay without: 40 MB.
RUN /opt/feedfleet/bin/python -m compileall -q --invalidation-mode unchecked-hash \
      -x 'kubernetes/(aio/)?client/(api|models)/[^_]' /opt/feedfleet/lib

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="feedfleet" \
      org.opencontainers.image.description="Market-data feeds on Kubernetes: operator, connectors and simulators" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/feedfleet/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# The base image has no bytecode of the standard library, and compiling it would cost each start half a second of processor.
RUN python -m compileall -q -x '/(ensurepip|idlelib|site-packages|dist-packages|test|tests|tkinter|turtledemo)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/feedfleet /opt/feedfleet
# A number, since Kubernetes cannot tell from a name whether it is root's.
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT []
CMD ["feedfleet-operator"]
