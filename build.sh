#!/usr/bin/env bash
# The one door to this project for people and for CI. Finds or installs what a command needs, and says what it installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

DENO_VERSION=2.9.6
CACHE="$PWD/.cache"
export DENO_NO_UPDATE_CHECK=1
# The order of names is part of what is built.
export LC_ALL=C

usage() {
  cat <<EOF
usage: ./build.sh [COMMAND]

  demo      a registry, an image, a running container, a push, an upgrade: the whole product in under a minute
  test      every test: unit tests in their sandbox, system tests as root; ends with "N passed, N failed"
  ok        format, lint, type check and unit tests: what to run before a commit
  bench     pull, launch and upgrade against containerd, podman, skopeo + umoci; writes docs/performance.md
  bundle [DIRECTORY]  the program as scripts for the deno binary: DIRECTORY/main.js, or dist/main.js
  guest-kernel  Debian's kernel for the guests of tests/boot: .cache/guest

The appliance: a machine's whole system, in output/

  (none)                           disk.img by Buildroot, from sources; an hour or two
  buildroot [--arch ARCHITECTURE] [--cmdline WORDS]
                                   the same, said in full; x86_64 or aarch64
  docker [COMMAND]                 the same, or another command, in a container: see Dockerfile
  quick [--cmdline WORDS]          disk.img from Debian's prebuilt kernel and packages, in two minutes and without a compiler
  run [DIRECTORY] [-- WORDS]       boots it in QEMU; WORDS, if any, are the kernel's command line; Ctrl-A X ends it
  cmdline WORDS [FILE]             changes the kernel's command line in a disk.img
  image [DIRECTORY]                the image that a running Frontloader upgrades its kernel from: a layout that skopeo copies

DIRECTORY is where the build is: output/quick unless given, or output/x86_64.
EOF
}

say() { printf '%s\n' "build.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# Installs those of the named Debian packages that are missing; services that they bring are not started.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  [ "$(id -u)" -eq 0 ] || die "missing packages: ${missing[*]}: run as root, or install them yourself"
  command -v apt-get >/dev/null || die "missing packages: ${missing[*]}: this is no Debian or Ubuntu, install them yourself"
  say "installing with apt-get: ${missing[*]}"
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064 # the path of now
    trap "rm -f '$policy'" EXIT
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  if [ -n "$(trap -p EXIT)" ]; then rm -f "$policy"; trap - EXIT; fi
}

# Puts the pinned deno first on PATH.
need_deno() {
  if command -v deno >/dev/null && deno --version 2>/dev/null | grep -q "^deno $DENO_VERSION "; then return; fi
  local directory="$CACHE/deno-$DENO_VERSION"
  if [ ! -x "$directory/bin/deno" ]; then
    mkdir -p "$directory/bin"
    if command -v npm >/dev/null; then
      say "installing deno $DENO_VERSION with npm into ${directory#"$PWD"/}"
      npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$directory" "deno@$DENO_VERSION" >/dev/null
      ln -sf "$(echo "$directory"/node_modules/@deno/linux-*/deno)" "$directory/bin/deno"
    else
      need_packages curl unzip ca-certificates
      say "installing deno $DENO_VERSION with its own installer into ${directory#"$PWD"/}"
      curl -fsSL https://deno.land/install.sh | DENO_INSTALL="$directory" sh -s -- --yes "v$DENO_VERSION" >/dev/null
    fi
  fi
  export PATH="$directory/bin:$PATH"
  deno --version | grep -q "^deno $DENO_VERSION " || die "cannot run deno $DENO_VERSION from $directory"
}

# What the program itself needs, and its dependencies as deno.lock pins them.
need_runtime() {
  need_packages tini
  need_deno
  deno install --quiet --frozen
}

# Debian's kernel for cloud machines, for the guests of tests/boot. It is not installed on this machine.
need_guest_kernel() {
  local directory="$CACHE/guest" package version
  if [ ! -e "$directory/vmlinuz" ]; then
    say "downloading Debian's kernel into ${directory#"$PWD"/}"
    mkdir -p "$directory"
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -nE 's/^ *Depends: (linux-image-[0-9].*)/\1/p')
    (cd "$directory" && apt-get download -qq -o APT::Sandbox::User=root "$package" && dpkg-deb -x "$package"_*.deb . && rm "$package"_*.deb)
    ln -sf "boot/$(basename "$directory"/boot/vmlinuz-*)" "$directory/vmlinuz"
  fi
  version=$(basename "$directory"/lib/modules/*)
  [ -e "$directory/lib/modules/$version/modules.dep" ] || depmod --basedir "$directory" "$version"
}

need_root() { [ "$(id -u)" -eq 0 ] || die "'$1' needs root: it makes namespaces and mounts"; }

PASSED=0
FAILED=0
# What failed, and why, is told again at the end: a whole run prints thousands of lines, and what keeps only the last
# of them has to say enough.
WHAT_FAILED=""

# Runs one suite and adds up what it counts; a suite that ends without a count has failed as a whole.
suite() {
  local name="$1" log passed failed status=0
  shift
  log=$(mktemp)
  say "suite: $name"
  "$@" 2>&1 | tee "$log" || status=$?
  read -r passed failed < <(sed -nE 's/.*(ok|FAILED) \| ([0-9]+) passed.* \| ([0-9]+) failed.*/\2 \3/p' "$log" | tail -n 1) || true
  if [ -z "${passed:-}" ]; then passed=0 failed=1; fi
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  PASSED=$((PASSED + passed))
  FAILED=$((FAILED + failed))
  if [ "$failed" -ne 0 ]; then
    WHAT_FAILED+=$'\n'"suite '$name', exit status $status:"$'\n'
    if grep -q '^ ERRORS $' "$log"; then
      WHAT_FAILED+=$(sed -n '/^ ERRORS $/,$p' "$log")$'\n'
    else
      WHAT_FAILED+=$(tail -n 20 "$log")$'\n'
    fi
  fi
  rm -f "$log"
}

# A check that passes or fails as one.
check() {
  local name="$1"
  shift
  say "check: $name"
  if "$@"; then
    PASSED=$((PASSED + 1))
  else
    FAILED=$((FAILED + 1))
    WHAT_FAILED+=$'\n'"check '$name'"$'\n'
  fi
}

check_shell() {
  local scripts
  mapfile -t scripts < <(git grep -lE '^#!.*[ /](ba|da)?sh$' -- . && git ls-files '*.sh')
  shellcheck "${scripts[@]}"
}

run_tests() {
  need_root test
  need_runtime
  need_packages docker-registry skopeo umoci buildah debootstrap busybox-static zstd curl openssl apache2-utils attr \
    qemu-system-x86 cpio syslog-ng-core runc strace kmod dnsmasq-base nfs-ganesha nfs-ganesha-vfs xfsprogs e2fsprogs \
    btrfs-progs dosfstools exfatprogs ntfs-3g f2fs-tools nilfs-tools jfsutils reiserfsprogs udftools lvm2 bcache-tools \
    cryptsetup-bin squashfs-tools genisoimage gdisk fdisk mtools ovmf shellcheck awscli
  need_guest_kernel
  export NO_COLOR=1
  check "format" deno fmt --quiet --check
  check "lint" deno lint --quiet
  check "types" deno check --quiet
  check "shell scripts" check_shell
  # As a program of its own: within a condition nothing would stop at an error.
  check "disk.img" ./build.sh quick
  if [ -n "${BUILDROOT_DIR:-}${LINUX_DIR:-}" ]; then need_packages build-essential bison flex; fi
  [ -n "${BUILDROOT_DIR:-}" ] || say "NOT RUN, as BUILDROOT_DIR names no tree: Buildroot keeps every symbol of its defconfigs"
  [ -n "${LINUX_DIR:-}" ] || say "NOT RUN, as LINUX_DIR names no tree: the kernel keeps every symbol of its configuration"
  suite "unit" deno task --quiet test
  suite "system" deno task --quiet test:system
  suite "boot" deno task --quiet test:boot
  if [ -n "$WHAT_FAILED" ]; then printf 'what failed:\n%s\n' "$WHAT_FAILED"; fi
  printf '%s passed, %s failed\n' "$PASSED" "$FAILED"
  [ "$FAILED" -eq 0 ]
}

# The appliance: disk.img by either of two ways, and what is made of it.
for file in program disk quick buildroot run image; do
  # shellcheck source=/dev/null # each is checked by itself
  . "build/$file.sh"
done

case "${1:-}" in
  test) run_tests ;;
  ok) need_deno && deno task ok ;;
  demo)
    need_root demo
    need_runtime
    need_packages busybox-static
    exec deno run --quiet -A examples/demo/demo.ts
    ;;
  bench)
    need_root bench
    need_runtime
    need_packages docker-registry skopeo umoci containerd podman debootstrap isal curl time
    bundle dist
    exec deno run --quiet -A bench/main.ts "${@:2}"
    ;;
  bundle) bundle "${2:-dist}" ;;
  program) program "${2:?the directory that it is put into}" "${@:3}" ;;
  "") buildroot ;;
  buildroot) buildroot "${@:2}" ;;
  docker) in_docker "${@:2}" ;;
  quick) quick "${@:2}" ;;
  cmdline) set_cmdline "${@:2}" ;;
  run) run_machine "${@:2}" ;;
  image) make_image "${@:2}" ;;
  guest-kernel)
    need_packages kmod
    need_guest_kernel
    ;;
  *)
    usage
    [ "${1:-}" = help ] || exit 2
    ;;
esac
