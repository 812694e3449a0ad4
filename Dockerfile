# Two images from one file:  --target operator  and  --target trial.
#
# Build arguments, with public defaults: PYTHON_IMAGE, TORCH_INDEX (the CPU-only wheels; a GPU build is ten times as large and
# no faster here; X+cpu of its index sorts above X, so pip takes it), VERSION. Layers are ordered by how often they change: interpreter, pinned packages, our own code. Nothing is
# compiled, no package manager's cache is left, nothing runs as root.
ARG PYTHON_IMAGE=docker.io/library/python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md ./
COPY core core
COPY operator operator
COPY trial_image trial_image
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# What an extra needs, without Corebound itself: so this layer stays while only our code changes.
FROM ${PYTHON_IMAGE} AS operator-packages
WORKDIR /source
COPY pyproject.toml constraints.txt ./
COPY .ci/requirements .ci/requirements
RUN python3 -m venv /opt/corebound && \
    python3 .ci/requirements operator > requirements.txt && \
    /opt/corebound/bin/python -m pip install --no-cache-dir --no-compile --constraint constraints.txt --requirement requirements.txt

FROM ${PYTHON_IMAGE} AS trial-packages
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /source
COPY pyproject.toml constraints.txt ./
COPY .ci/requirements .ci/requirements
RUN python3 -m venv /opt/corebound && \
    python3 .ci/requirements torch > torch.txt && \
    /opt/corebound/bin/python -m pip install --no-cache-dir --no-compile --constraint constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} --requirement torch.txt
RUN python3 .ci/requirements trial neuro artifacts > requirements.txt && \
    /opt/corebound/bin/python -m pip install --no-cache-dir --no-compile --constraint constraints.txt --requirement requirements.txt

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/corebound/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/home/corebound
RUN mkdir -p /home/corebound /campaign && chown 65532:65532 /home/corebound /campaign
USER 65532:65532
WORKDIR /campaign

FROM base AS operator
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Corebound operator" \
      org.opencontainers.image.description="Runs searches on Kubernetes with exactly as many threads as cores" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=operator-packages /opt/corebound /opt/corebound
COPY --from=wheel /wheels /tmp/wheels
USER 0
RUN /opt/corebound/bin/python -m pip install --no-cache-dir --no-compile --no-deps --no-index /tmp/wheels/*.whl && rm -rf /tmp/wheels
USER 65532:65532
ENTRYPOINT ["corebound-operator"]

FROM base AS trial
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Corebound trial" \
      org.opencontainers.image.description="Runs trials of a Corebound campaign; build your own image FROM this one" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=trial-packages /opt/corebound /opt/corebound
COPY --from=wheel /wheels /tmp/wheels
USER 0
RUN /opt/corebound/bin/python -m pip install --no-cache-dir --no-compile --no-deps --no-index /tmp/wheels/*.whl && rm -rf /tmp/wheels
USER 65532:65532
ENTRYPOINT ["python", "-m", "corebound_trial"]
