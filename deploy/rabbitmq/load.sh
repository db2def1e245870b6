#!/bin/sh
# Loads definitions.json into a broker through its management API, with a password for each user. The Job broker-topology runs it.
# Loading adds and changes objects and removes none, so it can be repeated. Needs sh, sed and curl.
#
#   BROKER_MANAGEMENT      http://rabbitmq:15672, or https://rabbitmq:15671 (with CURL_CA_BUNDLE, if the certificate's authority is private)
#   BROKER_ADMIN, BROKER_ADMIN_PASSWORD
#   BROKER_DEFINITIONS     the file
#   BROKER_NODES           how many nodes have to run first, 1 by default: a queue gets its members among those that run when it is declared
#   BROKER_PATIENCE        how many seconds to wait for them, 1800 by default
#   BROKER_PASSWORDS       a directory with one file per user, which contains the password: letters and digits.
#                          If it is not set, a variable per user: BROKER_PASSWORD_ORDERING
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$BROKER_DEFINITIONS" "$work/definitions.json"
if [ -z "${BROKER_PASSWORDS:-}" ]; then
  BROKER_PASSWORDS=$work/passwords
  mkdir "$BROKER_PASSWORDS"
  for user in $(env | sed -n 's/^BROKER_PASSWORD_\([A-Z]*\)=.*/\1/p'); do
    printenv "BROKER_PASSWORD_$user" > "$BROKER_PASSWORDS/$(echo "$user" | tr '[:upper:]' '[:lower:]')"
  done
fi
for file in "$BROKER_PASSWORDS"/*; do
  user=$(basename "$file")
  password=$(cat "$file")
  case $password in
    '' | *[!A-Za-z0-9]*) echo "The password of $user is empty, or has other characters than letters and digits. Change it." >&2; exit 1 ;;
  esac
  # In a file, because other users can read a process's arguments.
  printf 's/"name":"%s","password_hash":"","hashing_algorithm":"[a-z0-9_]*"/"name":"%s","password":"%s"/\n' "$user" "$user" "$password" >> "$work/passwords.sed"
done
sed -f "$work/passwords.sed" "$work/definitions.json" > "$work/filled.json"
if grep -q '"password_hash":""' "$work/filled.json"; then
  echo "These users of the definitions have no password in $BROKER_PASSWORDS. Add a file for each:" >&2
  grep '"password_hash":""' "$work/filled.json" >&2
  exit 1
fi

nodes=${BROKER_NODES:-1} patience=${BROKER_PATIENCE:-1800}
case $nodes$patience in
  *[!0-9]*) echo "BROKER_NODES and BROKER_PATIENCE are numbers, and not $nodes and $patience." >&2; exit 1 ;;
esac
printf 'user = "%s:%s"\n' "$BROKER_ADMIN" "$BROKER_ADMIN_PASSWORD" > "$work/curl.conf"
ask() { # path, then curl's options
  path=$1
  shift
  curl --config "$work/curl.conf" --silent --show-error --fail-with-body --max-time 60 "$@" "$BROKER_MANAGEMENT/api/$path"
}

give_up=$(($(date +%s) + patience)) said=''
while :; do
  if ask 'nodes?columns=name,running' > "$work/nodes.json" 2> "$work/error"; then
    running=$(grep -o '"running":true' "$work/nodes.json" | wc -l)
    [ "$running" -lt "$nodes" ] || break
    state="$((running)) of $nodes nodes of the broker run"
  else
    state="the broker does not answer: $(tail -n 1 "$work/error")"
  fi
  [ "$state" = "$said" ] || echo "Waiting: $state."
  said=$state
  if [ "$(date +%s)" -ge "$give_up" ]; then
    echo "After $patience s $state. Nothing was loaded." >&2
    exit 1
  fi
  sleep 1
done
ask definitions --retry 60 --retry-delay 2 --retry-all-errors --retry-max-time 240 \
  --header 'Content-Type: application/json' --data-binary "@$work/filled.json"
echo "Loaded $(basename "$BROKER_DEFINITIONS") into the broker, of which $((running)) nodes run."
