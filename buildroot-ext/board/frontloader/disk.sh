#!/usr/bin/env bash
# Lays out disk.img: GPT, bootable by BIOS (x86-64) and by UEFI, the same bytes from the same input. Needs no root: nothing is
# mounted.
#
#   1 MiB  partition 1, where GRUB for BIOS lies (its first sector is in the protective MBR)
#   2 MiB  partition 2, FAT: GRUB for UEFI, its configuration, and the systems /a and /b
# 511 MiB  partition 3: one block, where a system counts how often it has started its successor (src/system/upgrade)
set -euo pipefail

usage="usage: disk.sh --output FILE --kernel FILE [--initrd FILE] --cmdline WORDS --grub PREFIX
  --grub   a directory with bin/grub-mkimage, and lib/grub/{i386-pc,x86_64-efi} or lib/grub/arm64-efi
       disk.sh --set-cmdline WORDS --output FILE     changes the command line of a disk.img that is there"

MIB=$((1 << 20))
# As large as two systems and what they may grow by. A disk of 1 GiB is the smallest that clouds have.
SIZE_MIB=512
CORE_MIB=1
BOOT_MIB=2
STARTS_MIB=$((SIZE_MIB - 1))
SECTOR=512
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() { printf '%s\n' "disk.sh: $*" >&2; exit 1; }

output='' kernel='' initrd='' cmdline='' grub='' only_cmdline=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "$usage"
  case "$1" in
    --output) output=$2 ;;
    --kernel) kernel=$2 ;;
    --initrd) initrd=$2 ;;
    --cmdline) cmdline=$2 ;;
    --set-cmdline) cmdline=$2 only_cmdline=1 ;;
    --grub) grub=$2 ;;
    *) die "$usage" ;;
  esac
  shift 2
done
[ -n "$output" ] || die "$usage"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Everything in the image is as old as the commit that it was built from.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
export MTOOLS_SKIP_CHECK=1 TZ=UTC

# A file on the boot partition, from a file of the machine.
put() {
  touch --date="@$SOURCE_DATE_EPOCH" "$1"
  mcopy -o -m -i "$output@@${BOOT_MIB}M" "$1" "::$2"
}

put_cmdline() {
  case "$cmdline" in
    # GRUB hands the first three on with a backslash before each.
    *[\'\"\\]* | *$'\n'*) die "the kernel's command line cannot have quotes, backslashes and ends of lines: $cmdline" ;;
  esac
  printf "set cmdline='%s'\n" "$cmdline" >"$work/cmdline.cfg"
  put "$work/cmdline.cfg" /grub/cmdline.cfg
}

if [ -n "$only_cmdline" ]; then
  put_cmdline
  exit
fi
if [ -z "$kernel" ] || [ -z "$grub" ]; then die "$usage"; fi

# Modules are part of GRUB's images: there is one file to read, and none to miss.
modules=(part_gpt fat normal configfile linux boot test echo sleep reboot serial terminal)
mkimage() {
  local format="$1" prefix="$2" file="$3"
  shift 3
  "$grub/bin/grub-mkimage" --directory "$grub/lib/grub/$format" --format "$format" --prefix "$prefix" --output "$file" \
    "${modules[@]}" "$@"
}

# Little-endian bytes of a number, written over what is there: number, count of bytes, file, offset.
patch() {
  local number="$1" count="$2" file="$3" offset="$4" bytes='' i
  for ((i = 0; i < count; i++)); do
    bytes+=$(printf '\\x%02x' $(((number >> (8 * i)) & 255)))
  done
  printf '%b' "$bytes" | dd of="$file" bs=1 seek=$((offset)) conv=notrunc status=none
}

# What grub-bios-setup does, which wants a device: tell the boot sector where the image lies, and the image's first sector
# where its other ones do. Offsets: GRUB's include/grub/i386/pc/boot.h.
install_bios() {
  local boot="$work/boot.img" core="$work/core.img" start=$((CORE_MIB * MIB / SECTOR)) sectors
  cp "$grub/lib/grub/i386-pc/boot.img" "$boot"
  mkimage i386-pc "(,gpt2)/grub" "$core" biosdisk
  sectors=$((($(stat -c %s "$core") + SECTOR - 1) / SECTOR))
  [ $((sectors * SECTOR)) -le $(((BOOT_MIB - CORE_MIB) * MIB)) ] || die "GRUB's image is too large for its partition"
  patch "$start" 8 "$boot" 0x5c
  # The boot drive is the one that the BIOS names, also where the BIOS names none of the hard disks: two NOPs over a jump.
  patch 0x9090 2 "$boot" 0x66
  patch $((start + 1)) 8 "$core" 0x1f4
  patch $((sectors - 1)) 2 "$core" 0x1fc
  patch 0x820 2 "$core" 0x1fe
  dd if="$boot" of="$output" bs=440 count=1 conv=notrunc status=none
  dd if="$core" of="$output" bs="$SECTOR" seek="$start" conv=notrunc status=none
}

# Under the name that firmware looks for on a disk that it has not seen before.
install_uefi() {
  local format="$1" name="$2"
  [ -d "$grub/lib/grub/$format" ] || return 0
  mkimage "$format" /grub "$work/$name"
  put "$work/$name" "/EFI/BOOT/$name"
}

rm -f "$output"
truncate -s "${SIZE_MIB}M" "$output"
# Identifiers are fixed, so that the same system is the same image: a disk finds its own partitions by their numbers.
sfdisk --quiet --no-reread --no-tell-kernel "$output" <<EOF
label: gpt
label-id: 46524F4E-544C-4F41-4445-520000000000
start=${CORE_MIB}MiB, size=$((BOOT_MIB - CORE_MIB))MiB, type=21686148-6449-6E6F-744E-656564454649, uuid=46524F4E-544C-4F41-4445-520000000001, name=bios
start=${BOOT_MIB}MiB, size=$((STARTS_MIB - BOOT_MIB))MiB, type=uefi, uuid=46524F4E-544C-4F41-4445-520000000002, name=boot
start=${STARTS_MIB}MiB, size=512KiB, type=linux, uuid=46524F4E-544C-4F41-4445-520000000003, name=frontloader-starts
EOF
mformat -i "$output@@${BOOT_MIB}M" -F -T $(((STARTS_MIB - BOOT_MIB) * MIB / SECTOR)) -h 255 -s 63 \
  -H $((BOOT_MIB * MIB / SECTOR)) -N 46524F4E -v FRONTLOADER ::
mmd -i "$output@@${BOOT_MIB}M" ::/EFI ::/EFI/BOOT ::/grub ::/a ::/b
if [ -d "$grub/lib/grub/i386-pc" ]; then install_bios; fi
install_uefi x86_64-efi BOOTX64.EFI
install_uefi arm64-efi BOOTAA64.EFI
cp "$here/grub/grub.cfg" "$work/grub.cfg"
put "$work/grub.cfg" /grub/grub.cfg
put_cmdline
cp "$kernel" "$work/bzImage"
put "$work/bzImage" /a/bzImage
if [ -n "$initrd" ]; then
  cp "$initrd" "$work/initrd"
  put "$work/initrd" /a/initrd
fi
