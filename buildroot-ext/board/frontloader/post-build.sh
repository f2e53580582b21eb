#!/usr/bin/env bash
# What Buildroot calls when everything is in the root file system, with that as its argument.
set -euo pipefail
target=$1

# Buildroot has written who it is; this is a system of ours.
rm -f "$target/etc/os-release"
cp "$FRONTLOADER_PROGRAM/etc/os-release" "$target/etc/os-release"

# Where Debian has it, and Frontloader looks: Buildroot's is static as well.
ln -sf tini "$target/usr/bin/tini-static"

# There is one init, and it starts what there is to start. /etc/shadow stays, with nothing but locked passwords in it, as Buildroot
# adds the users of its packages later.
rm -rf "$target"/etc/init.d "$target"/etc/inittab "$target"/etc/network "$target"/etc/profile*
