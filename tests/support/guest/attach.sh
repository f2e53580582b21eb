#!/bin/sh
# Attaches the link that QEMU has made to the network of the test (guest_network.ts).
ip link set dev "$1" up master guests
