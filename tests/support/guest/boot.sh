# What the init of a guest goes on with, in its final root.
# shellcheck shell=sh
while read -r module; do modprobe "$module"; done </guest/modules
# An address is good at once, without waiting for others that have the same.
if [ -e /sys/class/net/eth0 ]; then echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; fi
# A shell for the test to give scripts to: see guest_shell.ts. The port can be opened once only, and is at its end as long as
# the test is not connected to it.
while port=$(echo /dev/vport*p1); [ ! -c "$port" ]; do sleep 0.1; done
exec 3<>"$port"
while :; do cat <&3; sleep 0.1; done | setsid sh >&3 2>&1 &
exec 3>&-
exec frontloader "$@"
