#!/bin/sh
# Stops the PostgreSQL server that the tests of this user share (internal/testkit). It also stops by itself.
set -eu
pidfile="${TMPDIR:-/tmp}/guichet-test-$(id -u)/postgres/cluster/postmaster.pid"
[ -e "$pidfile" ] || exit 0
pid=$(head -n 1 "$pidfile")
# A pid file that a crash left may name another program by now.
case "$(ps -o args= -p "$pid" 2>/dev/null)" in
*postgres*guichet-test*) kill -INT "$pid" ;;
esac
