#!/bin/sh
# Makes the secrets of docker-compose.yml that do not exist yet: scripts/secrets.sh [folder]. It never overwrites one.
# The encryption key is made by Guichet itself: GUICHET says how to run it.
set -eu
folder=${1:-secrets}
guichet=${GUICHET:-docker compose run --rm --no-deps --entrypoint /usr/local/bin/guichet migrate}

# The files are read by the containers' users, who are not ours: it is the folder that keeps others out.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

make() {
	if [ -s "$folder/$1" ]; then
		echo "$folder/$1 is there"
		return
	fi
	"$2" >"$folder/$1.new"
	[ -s "$folder/$1.new" ] || { echo "$folder/$1 could not be made" >&2; exit 1; }
	mv "$folder/$1.new" "$folder/$1"
	echo "$folder/$1 made"
}

database_url() { echo "postgres://guichet:$(cat "$folder/guichet_db_password")@postgres:5432/guichet?sslmode=disable"; }
encryption_key() { [ -e "$folder/encryption_key" ] || : >"$folder/encryption_key"; $guichet key; }

make postgres_password random
make guichet_db_password random
make temporal_db_password random
make bootstrap_token random
make database_url database_url
make encryption_key encryption_key
echo "Keep a copy of $folder/encryption_key apart from the backups: without it the accounts' secrets cannot be read."
