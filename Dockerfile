# One image for every process of ours: `ingestion`, `processors`, `distribution`, `simulator`, `matchday`, which prepares
# the stores and answers health checks, and `matchday-top`, the dashboard. The command says which one runs.

# How much the compiler optimises: `release`, or `quick` where it is the build that is to be quick.
ARG CARGO_PROFILE=release

FROM rust:1.95.0-slim-bookworm AS build
# What librdkafka's build asks for.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake g++ libcurl4-openssl-dev make pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG CARGO_PROFILE
# The caches outlive the build and belong to every checkout of this machine; one build at a time uses them. What we depend on
# is compiled once. Our own crates are compiled each time: cargo knows a changed source by its time alone, and one of another
# checkout may be older than what was built last.
RUN --mount=type=cache,id=matchday-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=matchday-$CARGO_PROFILE,target=/src/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
    && cargo build --locked --workspace --bins --profile "$CARGO_PROFILE" \
    && cd "target/$CARGO_PROFILE" \
    && install -D --target-directory=/out ingestion processors distribution simulator matchday matchday-top

# What is to run, alone. `--build-context binaries=<folder>` puts binaries here that were built elsewhere, for Debian 12.
FROM scratch AS binaries
COPY --from=build /out /

FROM debian:12.12-slim AS image
LABEL org.opencontainers.image.title="Matchday" \
      org.opencontainers.image.description="A developer kit for live sports-betting data" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:12.12-slim"
# Whom to trust where a provider is asked over TLS.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
# A user without a name, home or shell. A volume that is mounted here for the first time becomes that user's.
RUN install --directory --owner=10001 --group=10001 --mode=0750 \
    /run/secrets/mysql /run/secrets/mysql-root /run/secrets/grafana
COPY --from=binaries /ingestion /processors /distribution /simulator /matchday /matchday-top /usr/local/bin/
USER 10001:10001
# What changes with every build comes last, so that the layers above stay.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
CMD ["matchday", "--help"]
