#!/bin/sh
# Runs each fuzz target of the module for a short time: scripts/fuzz.sh 5s
set -eu
for package in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-5s}" "$package"
	done
done
