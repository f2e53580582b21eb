#!/usr/bin/env bash
# What both builds do with a kernel and a system. build.sh sources this file.

# A cloud machine: both consoles, the serial one last, as it is the one that Frontloader writes to; a kernel that panics
# starts again; disks of EC2 are waited for as long as they take.
DEFAULT_CMDLINE="console=tty0 console=ttyS0,115200n8 quiet panic=10 nvme_core.io_timeout=4294967295 FL_ENV=ec2"

# `--cmdline WORDS`, which every command that makes a disk knows.
cmdline_of() {
  case "$#:${1:-}" in
    0:) printf '%s' "$DEFAULT_CMDLINE" ;;
    2:--cmdline) printf '%s' "$2" ;;
    *) die "unknown: $*" ;;
  esac
}

# disk.img in a directory of bzImage and, where it is not inside the kernel, initrd: directory, GRUB's, words.
make_disk() {
  local directory="$1" grub="$2" words="$3" initrd=()
  [ ! -e "$directory/initrd" ] || initrd=(--initrd "$directory/initrd")
  identify_build
  say "laying out disk.img"
  "$BOARD/disk.sh" --output "$directory/disk.img" --kernel "$directory/bzImage" "${initrd[@]}" --grub "$grub" --cmdline "$words"
}

# What a person wants to know of a build.
report() {
  local directory="$1" file
  for file in bzImage initrd disk.img; do
    [ ! -e "$directory/$file" ] ||
      printf '%-9s %4d MiB  %s\n' "$file" $((($(stat -c %s "$directory/$file") + 1048575) >> 20)) "${directory#"$PWD"/}/$file"
  done
  printf '%-9s %4d MiB  on disk\n' "" $((($(stat -c %b "$directory/disk.img") * 512 + 1048575) >> 20))
}

# `./build.sh cmdline WORDS [FILE]`: other words in a disk.img that is there.
set_cmdline() {
  [ $# -ge 1 ] || die "usage: ./build.sh cmdline WORDS [FILE]"
  need_packages mtools
  "$BOARD/disk.sh" --output "${2:-$OUTPUT/disk.img}" --set-cmdline "$1"
}
