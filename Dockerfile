# syntax=docker/dockerfile:1
FROM rust:1.90-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
# Examples and tests are not part of the image, but Cargo wants what it knows to be there.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin pgwarrant && cp target/release/pgwarrant /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates openssl postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/pgwarrant --create-home pgwarrant \
    && mkdir -p /etc/pgwarrant && chown pgwarrant: /etc/pgwarrant /var/lib/pgwarrant
COPY --from=build /usr/local/bin/pgwarrant /usr/local/bin/pgwarrant
USER pgwarrant
WORKDIR /var/lib/pgwarrant
ENV PGWARRANT_CONFIG=/etc/pgwarrant/pgwarrant.toml
EXPOSE 6432 9187
# The image has no HTTP client, but bash can open a socket.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/9187 && printf 'GET /health/ready HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["pgwarrant"]
CMD ["serve"]
