# shellcheck shell=bash
# Sourced by what runs containers here: podman with settings, images and containers of its own in a directory.

# own_podman DIRECTORY
own_podman() {
  export CONTAINERS_CONF=$1/containers.conf CONTAINERS_STORAGE_CONF=$1/storage.conf
  cat >"$1/runc" <<'RUNC'
#!/bin/sh
# Podman asks for limits that not every machine's root may raise, and its API for them whatever is configured: containers get the machine's.
for argument; do
  case ${previous:-} in
    -b | --bundle) file=$argument/config.json ;;
    -p | --process) file=$argument ;;
  esac
  previous=$argument
done
[ -z "${file:-}" ] || sed -i 's/,"rlimits":\[[^]]*\]//' "$file"
exec runc "$@"
RUNC
  chmod 755 "$1/runc"
  cat >"$CONTAINERS_CONF" <<CONF
[engine]
runtime="shop-runc"
cgroup_manager="cgroupfs"
events_logger="file"
[engine.runtimes]
shop-runc=["$1/runc"]
[network]
network_backend="netavark"
CONF
  cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver="overlay"
graphroot="$1/storage"
runroot="$1/run"
CONF
}

# end_podman: its containers, volumes and networks. The images stay, in DIRECTORY/storage.
end_podman() {
  {
    podman pod rm -af -t 5
    podman rm -af -t 5 -v
    podman volume rm -af
    podman network prune -f
    umount "${CONTAINERS_STORAGE_CONF%/*}/storage/overlay"
  } >/dev/null 2>&1 || true
}
