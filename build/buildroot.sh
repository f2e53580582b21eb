#!/usr/bin/env bash
# `./build.sh`: the system by Buildroot, from sources. build.sh sources this file.

# A release of its long-term branch, with the digest that its signed announcement gives.
BUILDROOT_VERSION=2026.02.3
BUILDROOT_SHA256=5a59e7501b0b4ec52c41f4bfa79412320e0b37eae5f719605a258e8d0c6fc7fb
BUILDROOT_PACKAGES=(bc binutils bison build-essential bzip2 ca-certificates cpio fdisk file flex git gzip mtools patch perl
  python3 rsync tar unzip wget xz-utils zstd)

# Buildroot's sources: those of BUILDROOT_DIR, or the release, under .cache/.
need_buildroot() {
  BUILDROOT=${BUILDROOT_DIR:-$CACHE/buildroot-$BUILDROOT_VERSION}
  [ ! -e "$BUILDROOT/Makefile" ] || return 0
  [ -z "${BUILDROOT_DIR:-}" ] || die "BUILDROOT_DIR=$BUILDROOT_DIR is no tree of Buildroot"
  local archive="$BUILDROOT.tar.xz"
  say "downloading Buildroot $BUILDROOT_VERSION into ${CACHE#"$PWD"/}"
  mkdir -p "$CACHE"
  wget --no-verbose --output-document "$archive" "https://buildroot.org/downloads/buildroot-$BUILDROOT_VERSION.tar.xz" ||
    die "cannot download Buildroot: './build.sh quick' builds the same system from Debian's packages"
  echo "$BUILDROOT_SHA256  $archive" | sha256sum --check --quiet || die "$archive is not what Buildroot has released"
  tar --extract --file "$archive" --directory "$CACHE"
  rm "$archive"
}

# The system by Buildroot: an architecture, and what cmdline_of knows.
buildroot() {
  local started=$SECONDS architecture=x86_64 output
  if [ "${1:-}" = --arch ]; then
    architecture=${2:?x86_64 or aarch64}
    shift 2
  fi
  FRONTLOADER_CMDLINE=$(cmdline_of "$@")
  need_packages "${BUILDROOT_PACKAGES[@]}"
  need_buildroot
  output="$PWD/output/$architecture"
  FRONTLOADER_PROGRAM="$output/program"
  export FRONTLOADER_CMDLINE FRONTLOADER_PROGRAM
  rm -rf "$FRONTLOADER_PROGRAM"
  program "$FRONTLOADER_PROGRAM" "$architecture"
  make -C "$BUILDROOT" O="$output/buildroot" BR2_EXTERNAL="$PWD/buildroot-ext" BR2_DL_DIR="${BR2_DL_DIR:-$CACHE/dl}" \
    "frontloader_${architecture}_defconfig"
  # The program is a tree that is copied, and the kernel holds it: both are made anew, and whatever else has not changed is not.
  if [ -e "$output/buildroot/build/frontloader-local" ]; then make -C "$output/buildroot" frontloader-dirclean; fi
  make -C "$output/buildroot"
  local file
  for file in bzImage disk.img os-release; do cp --sparse=always "$output/buildroot/images/$file" "$output/"; done
  report "$output"
  say "took $((SECONDS - started)) s"
}

# The same in a container, with Debian's tools whatever this machine is.
in_docker() {
  command -v docker >/dev/null || die "docker is not installed"
  docker build --tag frontloader-build .
  # What is downloaded and what is made stays in this directory.
  docker run --rm --volume "$PWD:/frontloader" --user "$(id -u):$(id -g)" --env HOME=/tmp \
    --env COMMIT --env SOURCE_DATE_EPOCH --env DENORT_BIN frontloader-build "$@"
}
