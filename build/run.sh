#!/usr/bin/env bash
# `./build.sh run`: the system in QEMU, with its serial console on the terminal. build.sh sources this file.

# KVM may be there and not work, as where this is a virtual machine itself: ask it to run the firmware.
kvm_works() {
  [ -w /dev/kvm ] || return
  grep -q SeaBIOS < <(timeout 3 qemu-system-x86_64 -accel kvm -cpu host -nodefaults -display none -chardev stdio,id=log \
    -device isa-debugcon,iobase=0x402,chardev=log </dev/null 2>/dev/null)
}

# Milliseconds since this machine was started: no clock that somebody sets.
uptime_ms() {
  local seconds
  read -r seconds _ </proc/uptime
  echo "${seconds/./}0"
}

# Boots a build's disk.img as it is; or, if there are words for the kernel, kernel and system without the disk's boot loader.
run_machine() {
  local build="$OUTPUT" machine=(-nographic -m 512 -smp 2 -no-reboot -nic "user,model=virtio-net-pci") words=''
  if [ "${1:---}" != -- ]; then
    build=$1
    shift
  fi
  need_packages qemu-system-x86
  [ -e "$build/disk.img" ] || die "there is no ${build#"$PWD"/}/disk.img: run './build.sh quick'"
  if [ "${1:-}" = -- ]; then
    words="console=ttyS0 quiet panic=-1 ${*:2}"
    machine+=(-kernel "$build/bzImage" -append "$words")
    [ ! -e "$build/initrd" ] || machine+=(-initrd "$build/initrd")
  elif [ $# -eq 0 ]; then
    # What the machine writes is thrown away: each time it is a new one.
    machine+=(-drive "file=$build/disk.img,format=raw,if=virtio,snapshot=on")
  else
    die "usage: ./build.sh run [DIRECTORY] [-- WORDS FOR THE KERNEL]"
  fi
  # Before version 8.1, QEMU with a thread for each processor at times keeps translations of code that the kernel has changed since.
  if kvm_works; then machine+=(-accel kvm -cpu host); else machine+=(-accel "tcg,thread=single" -cpu max); fi
  local started line
  started=$(uptime_ms)
  qemu-system-x86_64 "${machine[@]}" | while IFS= read -r line; do
    printf '%s\n' "$line"
    case "$line" in *"Frontloader "*" starts "*)
      say "from power-on until Frontloader starts: $((($(uptime_ms) - started + 50) / 100))00 ms" ;;
    esac
  done
}
