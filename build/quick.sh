#!/usr/bin/env bash
# `./build.sh quick`: the system from Debian's prebuilt kernel and packages. build.sh sources this file, and has `say`, `die`,
# `need_packages` and `need_deno`. Nothing is installed: packages are downloaded and unpacked under .cache/quick.

QUICK="$CACHE/quick"
OUTPUT="$PWD/output/quick"
BOARD="$PWD/buildroot-ext/board/frontloader"

# What the system consists of, apart from Frontloader; libraries follow by themselves.
QUICK_PACKAGES=(busybox-static tini chrony xfsprogs util-linux libc6 libgcc-s1 ca-certificates)
QUICK_PROGRAMS=(/bin/busybox /usr/bin/tini-static /usr/sbin/chronyd /sbin/mkfs.xfs /sbin/blkid)
# Names under which busybox is called: by the kernel, by Frontloader, and by the script that udhcpc runs.
QUICK_APPLETS=(udhcpc ip sh cat echo grep mkdir mv printf readlink rm)
# What makes the disk bootable; it does not get into the system.
GRUB_PACKAGES=(grub-common grub-pc-bin grub-efi-amd64-bin)

# The names of packages with the libraries that they depend on. Other dependencies are for installing them, which nobody does.
with_libraries() {
  local queue=("$@") name seen=' '
  while [ ${#queue[@]} -gt 0 ]; do
    name=${queue[0]}
    queue=("${queue[@]:1}")
    case "$seen" in *" $name "*) continue ;; esac
    seen+="$name "
    printf '%s\n' "$name"
    # ICU, a third of all megabytes, is for xfs_scrub alone.
    mapfile -t -O ${#queue[@]} queue < <(apt-cache depends "$name" |
      sed -nE 's/^ *(Pre)?Depends: (lib[^ :]*)$/\2/p' | grep -v '^libicu')
  done
}

# Downloads packages and unpacks them into one directory, unless those of these versions are there.
unpack_packages() {
  local directory="$1" wanted package
  shift
  wanted=$(apt-cache show --no-all-versions "$@" | sed -nE 's/^(Package|Version|SHA256): //p' | paste -d ' ' - - - | sort)
  [ "$(cat "$directory/.packages" 2>/dev/null)" != "$wanted" ] || return 0
  say "downloading $# of Debian's packages into ${directory#"$PWD"/}"
  rm -rf "$directory"
  mkdir -p "$directory/.debs"
  (cd "$directory/.debs" && apt-get download -qq -o APT::Sandbox::User=root "$@")
  for package in "$directory"/.debs/*.deb; do dpkg-deb -x "$package" "$directory"; done
  rm -r "$directory/.debs"
  printf '%s\n' "$wanted" >"$directory/.packages"
}

need_quick_packages() {
  command -v apt-cache >/dev/null || die "the quick build takes Debian's packages: run it on Debian, or './build.sh docker quick'"
  apt-cache show linux-image-amd64 >/dev/null 2>&1 || apt-get update -qq
  local kernel libraries
  kernel=$(apt-cache depends linux-image-amd64 | sed -nE 's/^ *Depends: (linux-image-[0-9].*)/\1/p')
  [ -n "$kernel" ] || die "apt knows no linux-image-amd64: the quick build takes Debian's kernel"
  mapfile -t libraries < <(with_libraries "${QUICK_PACKAGES[@]}")
  unpack_packages "$QUICK/packages" "${libraries[@]}"
  mapfile -t libraries < <(with_libraries "${GRUB_PACKAGES[@]}")
  unpack_packages "$QUICK/grub" "${libraries[@]}"
  unpack_packages "$QUICK/kernel" "$kernel"
}

# Runs a program of unpacked packages with the libraries of unpacked packages.
LOADER=lib64/ld-linux-x86-64.so.2
library_path() { printf '%s' "$1/lib/x86_64-linux-gnu:$1/usr/lib/x86_64-linux-gnu"; }

# Copies a dynamic program's libraries to where its loader looks; fails if a package lacks. This machine's own do not count.
copy_libraries() {
  local program="$1" root="$2" from="$QUICK/packages" list library
  list=$("$from/$LOADER" --inhibit-cache --library-path "$(library_path "$from")" --list "$program") || return 0 # static
  while read -r library; do
    case "$library" in
      "$from"/*) [ -e "$root/usr/lib/x86_64-linux-gnu/${library##*/}" ] || cp -L "$library" "$root/usr/lib/x86_64-linux-gnu/" ;;
      *) die "$program wants a library that no package brings: $library" ;;
    esac
  done < <(sed -nE 's#.* => (not found|[^ ]+).*#\1#p' <<<"$list")
}

# The modules of build/modules and what they need, with the indexes that modprobe reads.
copy_modules() {
  local root="$1" busybox="$QUICK/packages/bin/busybox" kernel release module line path
  kernel=$(echo "$QUICK/kernel/lib/modules"/*)
  release=$(basename "$kernel")
  [ -e "$kernel/modules.dep" ] || "$busybox" depmod -b "$QUICK/kernel" "$release"
  mkdir -p "$root/usr/lib/modules/$release"
  while read -r module; do
    line=$(grep -E "/${module//[-_]/[-_]}\.ko:" "$kernel/modules.dep") || die "Debian's kernel $release has no module $module"
    for path in ${line/:/}; do
      install -D -m 644 "$kernel/$path" "$root/usr/lib/modules/$release/$path"
    done
  done < <(sed 's/#.*//' build/modules | tr -s ' ' '\n' | sed '/^$/d')
  cp "$kernel/modules.builtin" "$kernel/modules.order" "$root/usr/lib/modules/$release/"
  "$busybox" depmod -b "$root/usr" "$release"
  # depmod writes lines in the order in which it has found the files.
  for path in "$root/usr/lib/modules/$release"/modules.{alias,dep,symbols}; do sort -o "$path" "$path"; done
}

# The whole file system of the machine.
quick_root() {
  local root="$1" directory program applet
  rm -rf "$root"
  mkdir -p "$root"/usr/{bin,sbin,lib/x86_64-linux-gnu,lib64} "$root"/{etc/ssl/certs,dev,proc,sys,run,var,root,mnt}
  mkdir -m 1777 "$root/tmp"
  for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
  cp -L "$QUICK/packages/$LOADER" "$root/$LOADER"
  for program in "${QUICK_PROGRAMS[@]}"; do
    install -D -m 755 "$QUICK/packages$program" "$root$program"
    copy_libraries "$QUICK/packages$program" "$root"
  done
  # The kernel looks for modprobe there.
  ln -s ../bin/busybox "$root/usr/sbin/modprobe"
  for applet in "${QUICK_APPLETS[@]}"; do ln -s busybox "$root/usr/bin/$applet"; done
  copy_modules "$root"
  program "$root"
  if [ -e "$root/usr/bin/deno" ]; then program="$root/usr/bin/deno"; else program="$root/usr/bin/frontloader"; fi
  copy_libraries "$program" "$root"
  # What names are looked up with; glibc loads it when it is needed.
  cp -L "$QUICK/packages"/lib/x86_64-linux-gnu/libnss_{files,dns}.so.2 "$root/usr/lib/x86_64-linux-gnu/"
  cat "$QUICK/packages"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  # chronyd gives up root for this user.
  printf '%s\n' root:x:0:0:root:/root:/sbin/nologin _chrony:x:100:100::/:/sbin/nologin >"$root/etc/passwd"
  printf '%s\n' root:x:0: _chrony:x:100: >"$root/etc/group"
  cp -r "$BOARD/rootfs-overlay/." "$root/"
  # What the system was built from.
  mkdir -p "$root/usr/share/frontloader"
  sort -u "$QUICK/packages/.packages" "$QUICK/kernel/.packages" >"$root/usr/share/frontloader/packages"
}

quick() {
  local started=$SECONDS words
  words=$(cmdline_of "$@")
  need_packages fdisk mtools zstd
  need_deno
  need_quick_packages
  mkdir -p "$OUTPUT"
  quick_root "$OUTPUT/root"
  say "packing the system"
  deno run --quiet --no-config -R="$OUTPUT" -W="$OUTPUT" build/initramfs.ts "$OUTPUT/root" "$OUTPUT/initramfs.cpio"
  # Two threads, however many there are: the result depends on whether there is more than one.
  zstd --quiet --force -12 -T2 "$OUTPUT/initramfs.cpio" -o "$OUTPUT/initrd"
  cp -L "$QUICK"/kernel/boot/vmlinuz-* "$OUTPUT/bzImage"
  cp "$OUTPUT/root/etc/os-release" "$OUTPUT/os-release"
  make_disk "$OUTPUT" "$(quick_grub)" "$words"
  report "$OUTPUT"
  say "took $((SECONDS - started)) s"
}

# GRUB as disk.sh wants it; its tools run with the libraries that were unpacked with them.
quick_grub() {
  local from="$QUICK/grub" grub="$OUTPUT/grub"
  mkdir -p "$grub/bin" "$grub/lib"
  ln -sfn "$from/usr/lib/grub" "$grub/lib/grub"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$from/$LOADER" "$(library_path "$from")" \
    "$from/usr/bin/grub-mkimage" >"$grub/bin/grub-mkimage"
  chmod 755 "$grub/bin/grub-mkimage"
  printf '%s' "$grub"
}
