# understudy as one static binary in an otherwise empty image.
#
#   docker build -t understudy .
#   docker run --rm -p 4740:4740 -e UNDERSTUDY_TOKEN=... -v understudy-data:/data understudy
#
# In a container the server must listen on 0.0.0.0 to be reached, which is not loopback: it refuses to start
# unless UNDERSTUDY_TOKEN is set. To bring a configuration of your own, mount it and name it:
#   docker run ... -v ./webhooks.toml:/webhooks.toml:ro understudy --config /webhooks.toml serve --listen 0.0.0.0:4740

FROM rust:1.95-alpine AS build
# ring compiles C and assembly; Alpine's own target is musl, and links statically without being asked.
RUN apk add --no-cache musl-dev gcc
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked --bin understudy \
    && cp target/dist/understudy /understudy \
    && mkdir -p /empty/data /empty/tmp && chmod 1777 /empty/tmp

FROM scratch
# The roots that deliveries to HTTPS endpoints are verified with; mount a file over it to trust your own.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /empty/tmp /tmp
# A named volume takes owner and mode from here; a directory of the host must be writable for 65532 by itself.
COPY --from=build --chown=65532:65532 /empty/data /data
COPY --from=build /build/webhooks.toml /webhooks.toml
COPY --from=build /understudy /understudy
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 4740
# SIGTERM drains within `[server] grace`; give `docker stop -t` more than that.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/understudy", "healthcheck"]
ENV UNDERSTUDY_CONFIG=/webhooks.toml UNDERSTUDY_DATA_DIR=/data
ENTRYPOINT ["/understudy"]
CMD ["serve", "--listen", "0.0.0.0:4740"]
