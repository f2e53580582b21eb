#!/bin/sh
# shellcheck disable=SC2046,SC2086,SC2295 # what is split and matched here is known
# Tells what a container is, from inside: one fact a line, "NAME: VALUE". Needs busybox alone. Names of the machine's namespaces
# are in MACHINE_NAMESPACES ("uts:[1] ipc:[2] …").

# What is mounted: path, type, flags, and what the file system itself says of its size and mode.
while read -r _ _ _ _ path flags rest; do
  rest=${rest#*- }
  type=${rest%% *}
  options=,${rest##* },
  of=
  for option in size mode gid ptmxmode; do
    case $options in *,$option=*) value=${options#*,$option=}; of="$of $option=${value%%,*}" ;; esac
  done
  case $options in *,ro,*) of="$of sealed" ;; esac
  [ "$type" = tmpfs ] || [ "$type" = devpts ] || [ "$path" = / ] || of=
  echo "mount $path: $type $flags$of"
done </proc/self/mountinfo

# Nodes in /dev
cd /dev && for name in * pts/* shm/* mqueue/*; do
  if [ -L "$name" ]; then
    echo "dev $name: -> $(readlink "$name")"
  elif [ -e "$name" ]; then
    echo "dev $name: $(stat -c '%F %a %u:%g %t:%T' "$name")"
  fi
done

# Of /proc and /sys: what is hidden, and what can be opened for writing, which changes nothing by itself
find /proc /sys -maxdepth 3 -path '/proc/[0-9]*' -prune -o -path /proc/self -prune -o -path /proc/thread-self -prune -o -print 2>/dev/null |
  while read -r path; do
    if [ -L "$path" ]; then continue
    elif [ -c "$path" ]; then echo "path $path: hidden"
    elif [ -d "$path" ]; then if [ -n "$(ls -A "$path")" ]; then echo "path $path: directory"; else echo "path $path: empty"; fi
    elif true 2>/dev/null >>"$path"; then echo "path $path: writable"
    else echo "path $path: read-only"
    fi
  done

# Who it is. In a file, since a shell forks for a pipe, and the child may differ.
while read -r name value; do
  case $name in
    Uid:* | Gid:* | Groups:* | Umask:* | Cap*:* | NoNewPrivs:* | Seccomp* | Sig[BIP]*:* | CoreDumping:* | Speculation* | Cpus_allowed_list:* | Mems_allowed_list:*)
      echo "status $name" $value ;;
  esac
done </proc/self/status

while read -r line; do
  case $line in Limit*) continue ;; esac
  # The name is in the first 26 columns.
  name=$(echo "$line" | cut -c5-25 | sed 's/ *$//')
  echo "limit $name:" $(echo "$line" | cut -c26-66)
done </proc/self/limits

for name in cgroup ipc mnt net pid time user uts; do
  case " $MACHINE_NAMESPACES " in
    *" $(readlink /proc/self/ns/$name) "*) echo "namespace $name: the machine's" ;;
    *) echo "namespace $name: its own" ;;
  esac
done

while IFS=: read -r _ controllers path; do
  echo "cgroup ${controllers:-unified}: $path"
done </proc/self/cgroup

set -- $(cat /proc/self/stat)
echo "process terminal: $7"
echo "process priority: ${18}, nice ${19}, policy ${41}"
echo "process oom_score_adj: $(cat /proc/self/oom_score_adj)"
echo "process timerslack_ns: $(cat /proc/self/timerslack_ns)"
echo "process coredump_filter: $(cat /proc/self/coredump_filter)"
echo "process personality: $(cat /proc/self/personality 2>/dev/null)"
echo "process working directory: $(readlink /proc/self/cwd)"
echo "process keys: $(wc -c </proc/keys)"
cd /proc/self/fd && for fd in *; do
  # 10 is the shell's own: this script.
  case $fd in 10) ;; *) echo "descriptor $fd: $(readlink $fd | sed 's/\[.*//')" ;; esac
done
