#!/bin/sh
# Loads definitions.json into a broker through its management API, each user with its password: what the Job broker-topology runs.
# Loading adds and changes, takes nothing away, and twice is as good as once. Needs sh, sed and curl.
#
#   BROKER_MANAGEMENT      http://rabbitmq:15672, or https://rabbitmq:15671 (with CURL_CA_BUNDLE, where its authority is a private one)
#   BROKER_ADMIN, BROKER_ADMIN_PASSWORD
#   BROKER_DEFINITIONS     the file
#   BROKER_PASSWORDS       a directory with one file per user, its password in it: letters and digits.
#                          Without it, a variable per user: BROKER_PASSWORD_ORDERING
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$BROKER_DEFINITIONS" "$work/definitions.json"
if [ -z "${BROKER_PASSWORDS:-}" ]; then
  BROKER_PASSWORDS=$work/passwords
  mkdir "$BROKER_PASSWORDS"
  for user in $(env | sed -n 's/^BROKER_PASSWORD_\([A-Z]*\)=.*/\1/p'); do
    printenv "BROKER_PASSWORD_$user" > "$BROKER_PASSWORDS/$(echo "$user" | tr A-Z a-z)"
  done
fi
for file in "$BROKER_PASSWORDS"/*; do
  user=$(basename "$file")
  password=$(cat "$file")
  case $password in
    '' | *[!A-Za-z0-9]*) echo "The password of $user is empty, or has more in it than letters and digits." >&2; exit 1 ;;
  esac
  # By file, not by argument: arguments are for all to read.
  printf 's/"name":"%s","password_hash":"","hashing_algorithm":"[a-z0-9_]*"/"name":"%s","password":"%s"/\n' "$user" "$user" "$password" >> "$work/passwords.sed"
done
sed -f "$work/passwords.sed" "$work/definitions.json" > "$work/filled.json"
if grep -q '"password_hash":""' "$work/filled.json"; then
  echo "A user of the definitions has no password in $BROKER_PASSWORDS:" >&2
  grep '"password_hash":""' "$work/filled.json" >&2
  exit 1
fi

printf 'user = "%s:%s"\n' "$BROKER_ADMIN" "$BROKER_ADMIN_PASSWORD" > "$work/curl.conf"
curl --config "$work/curl.conf" --silent --show-error --fail-with-body --retry 60 --retry-delay 2 --retry-all-errors --retry-max-time 240 \
  --header 'Content-Type: application/json' --data-binary "@$work/filled.json" "$BROKER_MANAGEMENT/api/definitions"
echo "The broker has what $(basename "$BROKER_DEFINITIONS") says."
