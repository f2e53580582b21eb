#!/usr/bin/env bash
# What Buildroot calls when it has made the kernel, with the directory of its images as its argument. The system is inside the
# kernel; what is left is the disk.
set -euo pipefail
images=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# arm64's kernel has another name. It is called bzImage wherever Frontloader looks for one.
if [ -e "$images/Image" ]; then cp "$images/Image" "$images/bzImage"; fi
cp "$TARGET_DIR/etc/os-release" "$images/os-release"

# GRUB as disk.sh wants it. Buildroot leaves its modules in its build directory.
grub=$images/grub
mkdir -p "$grub/bin" "$grub/lib/grub"
ln -sfn "$HOST_DIR/bin/grub-mkimage" "$grub/bin/grub-mkimage"
for directory in "$BUILD_DIR"/grub2-*/build-*/grub-core; do
  format=${directory%/grub-core}
  ln -sfn "$directory" "$grub/lib/grub/${format##*/build-}"
done
"$here/disk.sh" --output "$images/disk.img" --kernel "$images/bzImage" --grub "$grub" --cmdline "$FRONTLOADER_CMDLINE"
