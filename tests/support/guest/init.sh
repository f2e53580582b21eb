#!/bin/sh
# The init of a guest: what a machine needs first, and then Frontloader as process 1, with the arguments and the environment
# that the kernel gave this script.
#
# The kernel unpacks the initramfs into a file system that pivot_root(2) refuses to leave, and containers need pivot_root.
# So everything happens in a second mount of the same tree, which is moved on top of the first: below it, what has CAP_SYS_CHROOT
# could climb out of a container to the first.
mkdir /sysroot
mount -o bind / /sysroot
cd /sysroot || exit 1
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs dev dev
mount -t tmpfs run run
mount -t tmpfs tmp tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -o move . /
exec chroot . /bin/sh -c '. /guest/boot.sh' init "$@"
