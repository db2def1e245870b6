#!/bin/sh
# Run once, when the cluster is new: a database per service, its owner's login for migrations and its own, which gets its rights from
# `migrate`. Nobody else may connect. The password of a login is in a file of its name in /logins, or in a variable such as
# PASSWORD_ORDERING_OWNER; the names of databases can end in a DATABASE_SUFFIX.
set -eu
password() {
  if [ -e "/logins/$1" ]; then cat "/logins/$1"; else printenv "PASSWORD_$(echo "$1" | tr a-z- A-Z_)"; fi
}
for service in ordering inventory notification analytics; do
  own=$(password "$service")
  owner=$(password "$service-owner")
  DATABASE=$service${DATABASE_SUFFIX:-} SERVICE=$service OWNER=$service-owner PASSWORD=$own OWNER_PASSWORD=$owner \
    psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username postgres --dbname postgres <<'SQL'
\getenv database DATABASE
\getenv service SERVICE
\getenv owner OWNER
\getenv password PASSWORD
\getenv owner_password OWNER_PASSWORD
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"owner";
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"service";
SQL
done
