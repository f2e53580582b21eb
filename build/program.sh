#!/usr/bin/env bash
# The program as a tree that is laid over a root file system. build.sh sources this file.

# What is built: the commit, and its time for everything that bears one. Outside of a repository it is for the caller to say.
identify_build() {
  COMMIT=${COMMIT:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
  if [ "$COMMIT" != unknown ] && [ -n "$(git status --porcelain 2>/dev/null)" ]; then COMMIT="${COMMIT%-dirty}-dirty"; fi
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
  VERSION=$(sed -nE 's/^ *"version": "(.*)",/\1/p' deno.json)
  export COMMIT SOURCE_DATE_EPOCH VERSION
}

bundle() {
  need_deno
  # The paths of packages, relative to here, get into what is made of them: they are kept here, so that it is the same elsewhere.
  local -x DENO_DIR="$CACHE/deno"
  deno install --quiet --frozen
  rm -rf dist
  deno bundle --quiet --platform deno --code-splitting --outdir dist src/main.ts
  # Apart from the rest: see loadAwsSdk in src/system/self.ts.
  deno bundle --quiet --platform deno --outdir dist src/aws/sdk.ts
}

# Puts /usr/bin/frontloader into a tree, and who it is into /etc/os-release. Made by `deno compile` where its runtime (denort)
# can be had, it is one file; otherwise it is a script for the deno binary, which comes along, and the bundle. Both are the
# same bundle, and the same commit gives the same bytes.
program() {
  local root="$1"
  identify_build
  bundle
  mkdir -p "$root/usr/bin" "$root/usr/lib/frontloader" "$root/etc"
  if ! compile "$root/usr/bin/frontloader"; then
    cp dist/*.js "$root/usr/lib/frontloader/"
    cp -L "$(command -v deno)" "$root/usr/bin/deno"
    cat >"$root/usr/bin/frontloader" <<EOF
#!/usr/bin/deno -A
import "/usr/lib/frontloader/main.js";
EOF
    chmod 755 "$root/usr/bin/frontloader" "$root/usr/bin/deno"
  fi
  cat >"$root/etc/os-release" <<EOF
NAME=Frontloader
ID=frontloader
PRETTY_NAME="Frontloader $VERSION"
VERSION_ID=$VERSION
BUILD_ID=$COMMIT
FRONTLOADER_BUILD_TIME=$SOURCE_DATE_EPOCH
EOF
}

# False if there is no runtime to compile with. One that DENORT_BIN names must do.
compile() {
  local file="$1" log
  # The times of files become part of the program.
  touch --date="@$SOURCE_DATE_EPOCH" dist/*.js
  log=$(mktemp)
  if deno compile --quiet --allow-all --no-config --include dist --output "$file" dist/main.js 2>"$log"; then
    rm -f "$log"
    say "the program is one file, by deno compile"
    return
  fi
  [ -z "${DENORT_BIN:-}" ] || die "cannot compile with DENORT_BIN=$DENORT_BIN: $(cat "$log")"
  rm -f "$log" "$file"
  say "the program is the deno binary with a bundle: the runtime of deno compile cannot be had"
  false
}
