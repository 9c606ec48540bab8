#!/usr/bin/env bash
# Fails, naming them, when files of the module are not as gofmt would have them. Generators of their own module count too.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -d '' -t files < <(find . \( -name .git -o -name node_modules -o -name testdata -o -name .headrace \) -prune -o -name '*.go' -type f -print0)
unformatted=$(gofmt -l "${files[@]}")
if [ -n "$unformatted" ]; then
	echo 'gofmt would change:' >&2
	echo "$unformatted" >&2
	exit 1
fi
