#!/bin/sh
# Two computers with a cable between them, made of network namespaces by a user who need not be root:
#   unshare --user --map-root-user --net --fork --kill-child sh two-computers.sh COMMAND…
# COMMAND is run on the first, 10.9.0.1. On the second it runs `sh -c "$ON_SECOND …"`, and `sh -c "$CUT"` pulls the cable.
set -eu
ip link set lo up
ip link add here type veth peer name there
setpriv --pdeathsig KILL unshare --net sleep infinity < /dev/null > /dev/null 2>&1 &
second=$!
# Until it has a network of its own.
while [ "$(readlink /proc/$second/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link set there netns $second
ip address add 10.9.0.1/24 dev here
ip link set here up
export ON_SECOND="exec nsenter --net=/proc/$second/ns/net"
sh -c "$ON_SECOND ip address add 10.9.0.2/24 dev there"
sh -c "$ON_SECOND ip link set there up"
export CUT="$ON_SECOND ip link set there down"
exec "$@"
