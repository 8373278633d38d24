# Orderline in one small image: the executable, espeak-ng, certificates and the offline model.
#
#   docker build -t orderline .
#   docker run --network host -v orderline:/var/lib/orderline orderline            # the voice server
#   docker run orderline store --help                                              # any other command
#
# The base images are arguments, so that the build can be tried where no registry is reachable.
ARG BUILD_BASE=rust:1-bookworm
ARG BASE=debian:bookworm-slim

# --- Build -----------------------------------------------------------------------------------------------------------
FROM ${BUILD_BASE} AS build
# cmake, clang: whisper.cpp and its bindings.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends g++ make cmake clang libclang-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# whisper.cpp would otherwise be built for the processor of the machine that builds. Off means AVX2, FMA and F16C on
# x86-64, which every server processor since 2015 has, and plain NEON on arm64.
ENV GGML_NATIVE=OFF
COPY . .
RUN cargo build --release --locked --bin orderline \
 && mkdir /out \
 && cp target/release/orderline /out/ \
 && strip --strip-debug /out/orderline

# --- Runtime ---------------------------------------------------------------------------------------------------------
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends ca-certificates espeak-ng libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 orderline \
 && useradd --system --uid 10001 --gid orderline --home-dir /var/lib/orderline --shell /usr/sbin/nologin orderline \
 && install -d -o orderline -g orderline -m 0700 /var/lib/orderline
COPY samples/stt-demo/ggml-tires-q5_0.bin samples/stt-demo/README.md /usr/share/orderline/stt-demo/
COPY samples/shop/tyres.toml /usr/share/orderline/shop/
COPY --from=build /out/orderline /usr/local/bin/orderline

ENV ORDERLINE__HEARING__WHISPER__MODEL=/usr/share/orderline/stt-demo/ggml-tires-q5_0.bin \
    ORDERLINE__AUDIT__JOURNAL=/var/lib/orderline/journal
USER orderline
WORKDIR /var/lib/orderline
# The journal: lost with the container if it is not a volume.
VOLUME /var/lib/orderline
# 9092 AudioSocket, 9090 HTTP; both on loopback unless [server] listen and [http] listen say otherwise.
EXPOSE 9090 9092
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["orderline", "health"]
ENTRYPOINT ["orderline"]
CMD ["serve"]
