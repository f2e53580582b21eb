#!/usr/bin/env bash
# The program as a tree that is laid over a root file system. build.sh sources this file.

# What is built: the commit, and its time for everything that bears one. Outside of a repository it is for the caller to say.
identify_build() {
  COMMIT=${COMMIT:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
  if [ "$COMMIT" != unknown ] && [ -n "$(git status --porcelain 2>/dev/null)" ]; then COMMIT="${COMMIT%-dirty}-dirty"; fi
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
  VERSION=$(sed -nE 's/^ *"version": "(.*)",/\1/p' deno.json)
  # Tools look for this one; names as common as the others would mean something to others.
  export SOURCE_DATE_EPOCH
}

# The program as scripts for the deno binary, in a directory that has nothing else.
bundle() {
  local directory="$1"
  need_deno
  # The paths of packages, relative to here, get into what is made of them: they are kept here, so that it is the same elsewhere.
  local -x DENO_DIR="$CACHE/deno"
  deno install --quiet --frozen
  rm -rf "$directory"
  deno bundle --quiet --platform deno --code-splitting --outdir "$directory" src/main.ts
  # Apart from the rest: see loadAwsSdk in src/system/self.ts.
  deno bundle --quiet --platform deno --outdir "$directory" src/aws/sdk.ts
}

# Puts /usr/bin/frontloader into a tree, and who it is into /etc/os-release. Made by `deno compile` where its runtime (denort)
# can be had, it is one file; otherwise it is a script for the deno binary, which comes along, and the bundle. Both are the
# same bundle, and the same commit gives the same bytes. The second argument is the architecture that it is for.
program() {
  local root="$1" architecture="${2:-x86_64}"
  identify_build
  bundle dist
  mkdir -p "$root/usr/bin" "$root/etc"
  if ! compile "$root/usr/bin/frontloader" "$architecture"; then
    mkdir -p "$root/usr/lib/frontloader"
    cp dist/*.js "$root/usr/lib/frontloader/"
    cp -L "$(deno_binary "$architecture")" "$root/usr/bin/deno"
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
  local file="$1" architecture="$2" log
  # The times of files become part of the program.
  touch --date="@$SOURCE_DATE_EPOCH" dist/*.js
  log=$(mktemp)
  if deno compile --quiet --allow-all --no-config --target "$architecture-unknown-linux-gnu" --include dist --output "$file" \
    dist/main.js 2>"$log"; then
    rm -f "$log"
    say "the program is one file, by deno compile"
    return
  fi
  [ -z "${DENORT_BIN:-}" ] || die "cannot compile with DENORT_BIN=$DENORT_BIN: $(cat "$log")"
  rm -f "$log" "$file"
  say "the program is the deno binary with a bundle: the runtime of deno compile cannot be had"
  false
}

# The path of the deno binary for an architecture.
deno_binary() {
  local architecture="$1" directory
  if [ "$architecture" = "$(uname -m)" ]; then
    command -v deno
    return
  fi
  directory="$CACHE/deno-$DENO_VERSION-$architecture"
  if [ ! -x "$directory/package/deno" ]; then
    command -v npm >/dev/null || die "the deno binary for $architecture comes with npm: install it"
    say "downloading deno $DENO_VERSION for $architecture into ${directory#"$PWD"/}"
    mkdir -p "$directory"
    (cd "$directory" && npm pack --silent "@deno/linux-${architecture/aarch64/arm64}-glibc@$DENO_VERSION" >/dev/null &&
      tar -xzf ./*.tgz && rm ./*.tgz) || die "cannot download the deno binary for $architecture"
    chmod 755 "$directory/package/deno"
  fi
  printf '%s\n' "$directory/package/deno"
}
