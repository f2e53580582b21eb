#!/bin/sh
# The init of a guest: file systems, and then Frontloader as process 1, with the arguments and the environment that the
# kernel gave this script.
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
export DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
exec /bin/deno run --quiet --allow-all --no-config --no-lock --cached-only /frontloader/main.js "$@"
