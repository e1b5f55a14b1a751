# syntax=docker/dockerfile:1.7
# Guichet in one image: all commands are the one binary. docker-compose.yml says how to run it.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-trimpath
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=development
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -ldflags "-s -w -X guichet.dev/guichet/internal/app.Version=${VERSION}" -o /out/guichet ./cmd/guichet

# Certificates, time zones and a user without rights, and no shell.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="Guichet" \
      org.opencontainers.image.description="A shared inbox in which every conversation is a durable workflow"
COPY --from=build /out/guichet /usr/local/bin/guichet
USER nonroot:nonroot
ENV GUICHET_LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/guichet", "health"]
ENTRYPOINT ["/usr/local/bin/guichet"]
CMD ["all"]
