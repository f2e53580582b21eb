#!/usr/bin/env bash
# `./build.sh image`: what a running Frontloader upgrades its kernel from. build.sh sources this file.

make_image() {
  local build="${1:-$OUTPUT}" files=(bzImage)
  [ -e "$build/bzImage" ] || die "there is no $build/bzImage: run './build.sh quick'"
  [ ! -e "$build/initrd" ] || files+=(initrd)
  need_deno
  rm -rf "$build/image"
  tar --create --file "$build/layer.tar" --directory "$build" --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --mode=0644 "${files[@]}"
  deno run --quiet --no-config -R="$build" -W="$build" build/oci_layout.ts "$build" "$build/layer.tar" "$build/image"
  rm "$build/layer.tar"
  say "push it with: skopeo copy oci:${build#"$PWD"/}/image docker://HOST/NAME:TAG"
}
