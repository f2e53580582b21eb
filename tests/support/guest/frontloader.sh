#!/bin/sh
# The program in a guest.
export DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
exec /bin/deno run --quiet --allow-all --no-config --no-lock --cached-only /frontloader/main.js "$@"
