#!/bin/bash
# Runs once, when the database server's volume is new: a role and its databases for Guichet, and others for Temporal.
set -euo pipefail
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
	--set guichet="$(cat /run/secrets/guichet_db_password)" --set temporal="$(cat /run/secrets/temporal_db_password)" <<-'END'
	CREATE ROLE guichet LOGIN PASSWORD :'guichet';
	CREATE DATABASE guichet OWNER guichet;
	CREATE ROLE temporal LOGIN PASSWORD :'temporal';
	CREATE DATABASE temporal OWNER temporal;
	CREATE DATABASE temporal_visibility OWNER temporal;
	\connect temporal_visibility
	CREATE EXTENSION IF NOT EXISTS btree_gin;
END
