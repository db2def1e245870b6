#!/bin/sh
# Run once, when the cluster is new: a database per service, its owner's login for migrations and its own, which gets its rights from
# `migrate`. Nobody else may connect. /logins has a file per login with its password.
set -eu
for service in ordering inventory notification analytics; do
  SERVICE=$service OWNER=$service-owner PASSWORD=$(cat "/logins/$service") OWNER_PASSWORD=$(cat "/logins/$service-owner") \
    psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username postgres --dbname postgres <<'SQL'
\getenv service SERVICE
\getenv owner OWNER
\getenv password PASSWORD
\getenv owner_password OWNER_PASSWORD
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"owner";
REVOKE CONNECT, TEMPORARY ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"service";
SQL
done
