# Two images from one file:  --target operator  and  --target trial.
#
# Build arguments, with public defaults: PYTHON_IMAGE, TORCH_INDEX (the CPU-only wheels; a GPU build is ten times as large and
# no faster here; X+cpu of its index sorts above X, so pip takes it), VERSION. Layers are ordered by how often they change:
# interpreter, torch, pinned packages, our own code. Nothing is compiled, no package manager's cache is left, nothing runs as
# root.
ARG PYTHON_IMAGE=docker.io/library/python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md ./
COPY core core
COPY operator operator
COPY trial_image trial_image
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# What each extra needs, without Corebound itself: the packages' layers hang on these lists and their pins alone, so that a
# new version of Corebound brings nobody torch again.
FROM ${PYTHON_IMAGE} AS requirements
WORKDIR /requirements
COPY pyproject.toml .ci/requirements ./
RUN python3 requirements operator > operator.txt && \
    python3 requirements torch > torch.txt && \
    python3 requirements trial neuro artifacts > trial.txt && \
    touch --date=@315532800 *.txt  # some builders compare times, too

# An environment that belongs to root, and a user with a name: some libraries ask for it.
FROM ${PYTHON_IMAGE} AS base
# With SOURCE_DATE_EPOCH pip's bytecode carries hashes and no times: the same layer each time. Without bytecode every pod would
# compile torch anew, for its root is read-only.
ENV PATH=/opt/corebound/bin:$PATH HOME=/home/corebound PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SOURCE_DATE_EPOCH=315532800
RUN echo "corebound:x:65532:65532::/home/corebound:/usr/sbin/nologin" >> /etc/passwd && \
    echo "corebound:x:65532:" >> /etc/group && \
    mkdir -p /home/corebound /campaign && chown 65532:65532 /home/corebound /campaign && \
    python3 -m venv /opt/corebound
WORKDIR /opt/corebound/requirements
COPY constraints.txt ./

FROM base AS operator-packages
COPY --from=requirements /requirements/operator.txt ./
RUN python -m pip install --no-cache-dir --constraint constraints.txt --requirement operator.txt

FROM base AS trial-packages
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --from=requirements /requirements/torch.txt ./
RUN python -m pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
        --constraint constraints.txt --requirement torch.txt
COPY --from=requirements /requirements/trial.txt ./
RUN python -m pip install --no-cache-dir --constraint constraints.txt --requirement trial.txt

FROM operator-packages AS operator
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Corebound operator" \
      org.opencontainers.image.description="Runs searches on Kubernetes with exactly as many threads as cores" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=wheel /wheels /opt/corebound/wheels
RUN python -m pip install --no-cache-dir --no-deps --no-index /opt/corebound/wheels/*.whl
WORKDIR /campaign
USER 65532:65532
ENTRYPOINT ["corebound-operator"]

FROM trial-packages AS trial
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Corebound trial" \
      org.opencontainers.image.description="Runs trials of a Corebound campaign; build your own image FROM this one" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=wheel /wheels /opt/corebound/wheels
RUN python -m pip install --no-cache-dir --no-deps --no-index /opt/corebound/wheels/*.whl
WORKDIR /campaign
USER 65532:65532
ENTRYPOINT ["python", "-m", "corebound_trial"]
