#!/usr/bin/env bash
# Makes an image of seven layers that hold what is hard to unpack: an OCI layout "layout" with the image "latest" in the directory $1.
# GNU tar and umoci write the layers, so that they are what people's images are made of.
set -euo pipefail
cd "$1"
umask 022
image=layout:latest
umoci init --layout layout
umoci new --image "$image"

# add_layer OPTION… NAME… : a layer that GNU tar makes of these names in the directory tree, which is removed
add_layer() {
  tar --create --file layer.tar --numeric-owner --sort=name --directory tree "$@"
  umoci raw add-layer --image "$image" layer.tar
  rm -rf tree layer.tar
}

# 1: everything that a file can be and have (PAX)
mkdir -p tree/{bin,etc/conf.d,etc/keep,usr/{bin,lib/deep/er,share},var/old/sub,opt,dev,run,srv/mixed}
ln -s usr/lib tree/lib
ln -s ../../etc/hostname tree/usr/share/relative
ln -s /nowhere/at/all tree/usr/share/absolute
ln -s "$(printf 'long/%.0s' {1..60})end" tree/usr/share/long-target
cp /bin/busybox tree/bin/ping
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 tree/bin/ping
cp tree/bin/ping tree/bin/su && chown 0:5 tree/bin/su && chmod 6755 tree/bin/su
mkdir -m 1777 tree/tmp
mkdir -m 2770 tree/srv/group && chown 1000:2000 tree/srv/group
mkdir -m 0000 tree/srv/closed && echo hidden >tree/srv/closed/file && chmod 0 tree/srv/closed/file
# Before Linux 6.6 tmpfs, which may be what this is on, has no attributes of users.
setfattr -n user.comment -v 'of a user' tree/srv/group || true
setfattr -h -n trusted.note -v 0x00ff00ff tree/lib
for name in a b c; do echo "$name of layer 1" >tree/etc/$name; done
echo one >tree/etc/conf.d/one && echo two >tree/etc/conf.d/two
echo kept >tree/etc/keep/file
echo lib >tree/usr/lib/libone.so && echo deep >tree/usr/lib/deep/er/file
echo old >tree/var/old/sub/file
echo file >tree/opt/becomes-directory && ln -s nowhere tree/opt/becomes-directory-too
mkdir tree/opt/becomes-symlink && echo lost >tree/opt/becomes-symlink/file
echo linked >tree/usr/bin/first
ln tree/usr/bin/first tree/usr/bin/second
ln tree/usr/bin/first tree/usr/share/third
ln -P tree/usr/share/absolute tree/usr/share/absolute-too
echo fourth >tree/srv/mixed/lower
mknod tree/dev/null c 1 3 && chmod 666 tree/dev/null
mknod tree/dev/block b 259 70000
mkfifo -m 640 tree/run/pipe
: >tree/srv/empty
mkdir tree/srv/empty-directory
chown 4294967294:3000000 tree/srv/empty
name=$(printf 'n%.0s' {1..255})
echo long >"tree/srv/$name"
deep=tree/srv/$(printf 'directory-%.0s' {1..15})
mkdir -p "$deep/$deep" && echo deep >"$deep/$deep/file"
for name in $'caf\xe9' $'\xff\xfe' $'\xef\xbb\xbfbom' $'new\nline' 'back\slash' ' space ' $'\xc3\xa9' $'e\xcc\x81' '..gitme'; do
  echo "$name" >"tree/srv/$name"
done
truncate -s 20M tree/srv/sparse
printf middle | dd of=tree/srv/sparse bs=1 seek=10000000 conv=notrunc status=none
truncate -s 1M tree/srv/hole
touch -d '1999-12-31 23:59:59.123456789 UTC' tree/etc/a tree/etc/keep tree/usr/lib/deep
touch -h -d '2038-01-19 03:14:08.5 UTC' tree/lib tree/run/pipe
touch -d '@0' tree/etc/b
add_layer --format=posix --sparse --xattrs --xattrs-include='*' --acls .

# 2: umoci's own, of changes to the tree: whiteouts, replacements, metadata alone
umoci unpack --image "$image" bundle
(
  cd bundle/rootfs
  rm etc/b && rm -r var/old && rm usr/share/relative
  echo now a file >var/old
  rm opt/becomes-directory opt/becomes-directory-too
  mkdir opt/becomes-directory opt/becomes-directory-too
  echo in it >opt/becomes-directory/file
  rm -r opt/becomes-symlink && ln -s ../etc opt/becomes-symlink
  chmod 4711 bin/ping && chown 7:8 etc/c && chmod 700 etc/keep
  ln srv/mixed/lower srv/mixed/upper
  echo changed >etc/a
  mknod dev/full c 1 7
)
umoci repack --image "$image" bundle
rm -rf bundle

# 3: only lib/x, without an entry for lib, which is a symlink below; and long names and large numbers as GNU tar wrote them
# before PAX (its sparse files of then are left out: umoci 0.4 cannot unpack them)
mkdir -p "tree/lib/deep" "tree/srv/$(printf 'gnu-%.0s' {1..60})"
echo x >tree/lib/libx.so && echo y >tree/lib/deep/y
echo long >"tree/srv/$(printf 'gnu-%.0s' {1..60})/file"
ln -s "$(printf 'gnu/%.0s' {1..60})" tree/srv/gnu-link
echo base-256 >tree/srv/gnu-large-id && chown 3000000:3000000 tree/srv/gnu-large-id
add_layer --format=gnu lib/libx.so lib/deep/y "srv/$(printf 'gnu-%.0s' {1..60})" srv/gnu-link srv/gnu-large-id

# 4: an opaque directory
mkdir tree && echo three >tree/three
umoci insert --image "$image" --opaque tree /etc/conf.d
rm -rf tree

# 5: whiteouts in the format before PAX: of one of three hard links, and of what the layer itself has anew
mkdir -p tree/usr/bin tree/etc
touch tree/etc/.wh.c && echo c of layer 5 >tree/etc/c
touch tree/usr/bin/.wh.first
add_layer --format=ustar etc/.wh.c etc/c usr/bin/.wh.first

# 6 and 7: sparse files in the two other formats of PAX
for version in 0.0 0.1; do
  mkdir -p tree/srv
  truncate -s 2M "tree/srv/sparse-$version"
  echo data >>"tree/srv/sparse-$version"
  add_layer --format=posix --sparse --sparse-version="$version" "srv/sparse-$version"
done
umoci config --image "$image" --config.cmd /bin/ping --config.env PATH=/bin
