# Builds the static binary and ships it alone: no shell, no package manager, nothing to patch but Headrace.
#   docker build -t headrace .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" headrace run flight_delay.yaml
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build

FROM scratch
# Time zones, for expressions.
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=build /src/bin/headrace /usr/local/bin/headrace
ENV ZONEINFO=/zoneinfo.zip
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/headrace"]
