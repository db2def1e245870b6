# shellcheck shell=bash
# Sourced by what makes images of Debian's packages: tree and image, which need say, fail and $trees, a directory.

# tree NAME [package ...]: the files of an image, made once: of Debian 13 alone, or of it and packages.
tree() {
  local name=$1 mirror
  shift
  [[ ! -e $trees/$name.done ]] || return 0
  say "Putting together the files of ${*:-Debian 13} ..."
  rm -rf "${trees:?}/$name"
  mkdir -p "$trees"
  if (($# == 0)); then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m1 '/debian/$' || true) # where this machine takes Debian's
    debootstrap --variant=minbase trixie "$trees/$name" ${mirror:+"$mirror"} >"$trees/$name.log" 2>&1 || fail "debootstrap failed: $(tail -n 5 "$trees/$name.log")"
    printf '#!/bin/sh\nexit 101\n' >"$trees/$name/usr/sbin/policy-rc.d" # a package's server is not started
    chmod 755 "$trees/$name/usr/sbin/policy-rc.d"
  else
    [[ -e $trees/debian.done ]] || tree debian
    cp -a "$trees/debian" "$trees/$name"
    cp /etc/resolv.conf "$trees/$name/etc/resolv.conf"
    chroot "$trees/$name" env DEBIAN_FRONTEND=noninteractive sh -c \
      'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" && apt-get clean' sh "$@" \
      >"$trees/$name.log" 2>&1 || fail "installing $* failed: $(tail -n 5 "$trees/$name.log")"
  fi
  touch "$trees/$name.done"
}

# image NAME TAG [changes ...]: of the tree of that name. Where packages came from is not part of it.
image() {
  local name=$1 tag=$2 change
  local -a changes=(--change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
  shift 2
  for change in "$@"; do changes+=(--change "$change"); done
  tar -C "$trees/$name" --exclude=./dev --exclude=./etc/resolv.conf --exclude=./etc/apt --exclude=./var/lib/apt --exclude=./usr/share/doc \
    --exclude=./usr/share/man --exclude=./usr/share/locale -c . | podman import -q "${changes[@]}" - "$tag" >/dev/null
  say "$tag: $(($(podman image inspect --format '{{.Size}}' "$tag") >> 20)) MiB"
}
