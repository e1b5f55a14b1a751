#!/bin/sh
# Makes sure that this machine has PostgreSQL server binaries, version 15 or newer, with the contrib extensions: as root on Debian and its kin it
# installs them, else it says what to install. internal/devstack looks into the same places.
set -eu

oldest=15

# The extension by which people are found comes with the server on Debian, and as postgresql-contrib elsewhere.
contrib() {
	for share in "$("$1/pg_config" --sharedir 2>/dev/null || echo /none)" "/usr/share/postgresql/$2" /usr/share/postgresql /usr/share/pgsql \
		"/usr/pgsql-$2/share" "$1/../share" "$1/../share/postgresql" "$1/../share/postgresql@$2" "/usr/share/postgresql$2"; do
		[ ! -e "$share/extension/pg_trgm.control" ] || return 0
	done
	return 1
}

found() {
	for dir in "$(dirname "$(readlink -f "$(command -v postgres || echo /none/postgres)")")" \
		"$(pg_config --bindir 2>/dev/null || echo /none)" \
		/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* /usr/local/pgsql/bin \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
		/Applications/Postgres.app/Contents/Versions/*/bin; do
		[ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
		version=$("$dir/postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
		[ "${version:-0}" -lt "$oldest" ] || ! contrib "$dir" "$version" || return 0
	done
	return 1
}

if found; then
	exit 0
fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	cat >&2 <<-END
		Guichet needs the PostgreSQL server, version $oldest or newer, with its contrib extensions. It need not run: Guichet starts its own. Install it with one of
		    sudo apt-get install postgresql postgresql-contrib   (Debian, Ubuntu)
		    sudo dnf install postgresql-server postgresql-contrib
		    brew install postgresql
		or set DATABASE_URL (make run) or GUICHET_TEST_DATABASE_URL (make test) to a server that runs.
	END
	exit 1
fi

echo "Installing the PostgreSQL server"
# The package would start a server of its own, on the usual port. Guichet needs the programs only.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/guichet.conf
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql postgresql-contrib >/dev/null
if ! found; then
	echo "The package postgresql of this machine is older than version $oldest: install a newer one." >&2
	exit 1
fi
