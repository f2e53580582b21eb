#!/bin/sh
# Called by udhcpc with what it was given.
# shellcheck disable=SC2154 # its variables
if [ "$1" = bound ]; then
  ip address add "$ip/$mask" dev "$interface"
  ip route add default via "${router%% *}"
  for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
fi
