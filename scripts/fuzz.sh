#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other: go test takes one target at a time.
# usage: scripts/fuzz.sh [TIME each, default 10s]
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-10s}

# Only packages that have targets are compiled.
mapfile -t folders < <(grep -rlE --include='*_test.go' '^func Fuzz[A-Z0-9_]' . | xargs -r -n1 dirname | sort -u)
failed=0 targets=0
for folder in "${folders[@]}"; do
	while read -r target; do
		targets=$((targets + 1))
		echo "== $folder $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" "$folder" || failed=$((failed + 1))
	done < <(go test -list '^Fuzz' "$folder" | grep '^Fuzz')
done
echo "$targets fuzz targets, $failed failed"
[ "$failed" = 0 ]
