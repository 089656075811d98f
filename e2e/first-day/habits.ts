/** What people do in the first hour with a Debian machine, each as a line of shell and its output. */

/** A line for bash, and its whole output, including standard error, without the last line feed. */
export type Habit = [line: string, printed: string | RegExp];

const PATH = "/home/app/.local/bin:/home/app/.deno/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Programs that must exist. */
const PROGRAMS = `
  [ adduser apt apt-get awk bash bc bzip2 c++ cc chrt column cpio curl cut deno df diff dig dmesg dpkg-deb du envsubst fdisk file find flock
  free fuser fusermount3 g++ gcc getent git gpg grep gzip hexdump host hostname htop id ionice ip jq killall ldd less locale-gen localedef
  losetup lsblk lscpu lsof make mkfs.ext4 mkswap mount nano nc node nohup npm npx nsenter nslookup openssl patch perl pgrep ping pip pip3
  pkg-config ps pstree python python3 python3-config rg rsync scp script sed sha256sum socat sqlite3 ss ssh ssh-keygen sshd strace sudo sysctl
  tar taskset tee time timeout tmux top touch tree tty unshare unzip uptime useradd vi vmstat w watch wget which who whoami xargs xxd xz zip zstd
`
  .trim()
  .split(/\s+/);

/** Environment of the machine; see {@link HABITS} under "sudo". */
export const GIVEN = { FROM_SANDBOX: "a sandbox's own" };

/** Name of a secret of the machine. */
export const SECRET = "FIRST_DAY_TOKEN";

export const HABITS: Record<string, Habit[]> = {
  "there is one PATH": [
    ["echo $PATH", PATH],
    ["sh -c 'echo $PATH'", PATH],
    ["bash -lc 'echo $PATH'", PATH],
    ["sh -lc 'echo $PATH'", PATH],
    [`script -qec "bash -ic 'echo \\$PATH'" /dev/null`, new RegExp(PATH)],
    ["sudo sh -c 'echo $PATH'", PATH],
    ["sudo -i sh -c 'echo $PATH'", PATH],
    ["sudo su - -c 'echo $PATH'", PATH],
    ["sudo su - app -c 'echo $PATH'", PATH],
    ["env -i bash -lc 'echo $PATH'", PATH],
    ["env -i sh -lc 'echo $PATH'", PATH],
    ["PATH=/given:$PATH bash -lc 'echo $PATH'", `/given:${PATH}`],
    ["grep ^PATH= /etc/environment", `PATH=${PATH}`],
  ],
  "what is installed is found": [
    [
      `mkdir -p wheel/hello_pip-1.dist-info && cd wheel && echo 'def main(): print("hello from pip")' > hello_pip.py && cd hello_pip-1.dist-info &&
       printf 'Metadata-Version: 2.1\\nName: hello-pip\\nVersion: 1\\n' > METADATA && printf 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' > WHEEL &&
       printf '[console_scripts]\\nhello-pip = hello_pip:main\\n' > entry_points.txt && touch RECORD && cd .. && python -m zipfile -c ../hello_pip-1-py3-none-any.whl * &&
       pip install --quiet --no-index ../hello_pip-1-py3-none-any.whl 2> /dev/null && command -v hello-pip && hello-pip`,
      "/home/app/.local/bin/hello-pip\nhello from pip",
    ],
    [
      `mkdir package && cd package && printf '{"name":"hello-npm","version":"1.0.0","bin":"hello.js"}' > package.json && printf '#!/usr/bin/env node\\nconsole.log("hello from npm")\\n' > hello.js &&
       cd .. && tar czf hello-npm.tgz package && npm install -g --silent --offline --no-audit ./hello-npm.tgz && command -v hello-npm && hello-npm`,
      "/home/app/.local/bin/hello-npm\nhello from npm",
    ],
    [
      "sudo grep -hv '^;' /root/.npmrc /usr/local/etc/npmrc",
      "prefix=/usr/local\nprefix=~/.local\nupdate-notifier=false",
    ],
    [
      `echo 'console.log("hello from deno")' > hello.ts && deno install --quiet -g -n hello-deno ./hello.ts && hello-deno`,
      "hello from deno",
    ],
    ["find .local .npm .cache ! -user app", ""],
  ],
  "sudo keeps what was set": [
    ["sudo sh -c 'echo $FROM_SANDBOX'", GIVEN.FROM_SANDBOX],
    ["CALL=one PYTHONPATH=/two sudo printenv CALL PYTHONPATH", "one\n/two"],
    [`sudo printenv ${SECRET}`, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/],
    [
      "sudo printenv NODE_EXTRA_CA_CERTS DENO_CERT SSL_CERT_FILE",
      "/etc/ssl/sandkeep.pem\n/etc/ssl/sandkeep.pem\n/etc/ssl/certs/ca-certificates.crt",
    ],
    // Without any variable Debian's sudo 1.9.16 crashes, whatever its settings.
    ["env -i A=1 sudo /bin/sh -c 'echo $A $NODE_EXTRA_CA_CERTS'", "1 /etc/ssl/sandkeep.pem"],
    ["sudo sh -c 'echo $HOME $USER $LOGNAME'", "/root root root"],
    ["sudo -l | grep NOPASSWD", /ALL\) NOPASSWD: ALL/],
    ["sudo visudo --check --quiet && echo valid", "valid"],
  ],
  "devices are as udev makes them": [
    [
      "stat -c '%a %U:%G %n' /dev/fuse /dev/net/tun /dev/ptmx /dev/null /dev/tty",
      "666 root:root /dev/fuse\n666 root:root /dev/net/tun\n666 root:tty /dev/ptmx\n666 root:root /dev/null\n666 root:tty /dev/tty",
    ],
    ["stat -c '%a %U:%G %n' /dev/loop-control /dev/vda", "660 root:disk /dev/loop-control\n660 root:disk /dev/vda"],
    [
      "stat -c '%a %n' /dev/shm /dev/mqueue /tmp /var/tmp /run/lock",
      "1777 /dev/shm\n1777 /dev/mqueue\n1777 /tmp\n1777 /var/tmp\n1777 /run/lock",
    ],
    [
      "readlink /dev/fd /dev/stdin /dev/stdout /dev/stderr /etc/mtab",
      "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n../proc/self/mounts",
    ],
    ["cat <(echo process substitution) /dev/stdin <<< text", "process substitution\ntext"],
    ["grep -c ' / ext4 ' /etc/mtab", "1"],
    // What sshfs, rclone and AppImages do first: without permission, libfuse's helper cannot open the device.
    ["exec 3<>/dev/fuse && echo opened", "opened"],
    [
      "truncate -s 20M disk && /sbin/mkfs.ext4 -q disk && sudo mount disk /mnt && findmnt -no FSTYPE /mnt && sudo umount /mnt",
      "ext4",
    ],
    ["sudo mount -t tmpfs none /mnt && findmnt -no FSTYPE /mnt && sudo umount /mnt", "tmpfs"],
    [
      "sudo unshare -m sh -c 'mkdir -p /tmp/o/l /tmp/o/u /tmp/o/w /tmp/o/m && mount -t overlay o -o lowerdir=/tmp/o/l,upperdir=/tmp/o/u,workdir=/tmp/o/w /tmp/o/m && echo overlaid'",
      "overlaid",
    ],
    [
      "dd if=/dev/zero of=swap bs=1M count=4 status=none && chmod 600 swap && sudo chown root swap && sudo mkswap -q swap && sudo swapon swap && swapon --noheadings --show=TYPE && sudo swapoff swap",
      "file",
    ],
    ["sudo modprobe -a br_netfilter veth nf_tables iptable_nat wireguard && echo loaded", "loaded"],
  ],
  "languages and times": [
    ["locale -a", "C\nC.utf8\nPOSIX\nen_US.utf8"],
    ["LC_ALL=en_US.UTF-8 perl -e 'print \"fine\"'", "fine"],
    ["LC_ALL=en_US.UTF-8 date -d 2026-01-31 +%x", "01/31/2026"],
    ["printf ä | wc -m", "1"],
    ["date +%Z", "UTC"],
    ["TZ=Europe/Berlin date -d @0 +%H:%M", "01:00"],
    ["python -c 'import zoneinfo; print(zoneinfo.ZoneInfo(\"Asia/Tokyo\"))'", "Asia/Tokyo"],
    [
      'for name in tmux-256color xterm-kitty alacritty; do TERM=$name tput cols > /dev/null || echo "$name is unknown"; done',
      "",
    ],
  ],
  "programs are there": [
    [
      `for name in ${PROGRAMS.map((name) => `'${name}'`).join(" ")}; do command -v "$name" > /dev/null || echo "no $name"; done`,
      "",
    ],
    [
      "python -c 'import bz2, ctypes, curses, dbm, lzma, readline, sqlite3, ssl, venv; print(\"complete\")'",
      "complete",
    ],
    [`python -c 'import sys; print("sitecustomize" in sys.modules)'`, "False"],
    ["env -i node -p 1+1", "2"],
    ["env -i sh -c 'for name in node npm npx deno; do command -v $name; done' | wc -l", "4"],
    ["env -i node -p process.execPath", "/usr/local/bin/node"],
  ],
  "native modules can be built": [
    [
      `printf '#include <Python.h>\\nint main(void) { return 0; }\\n' > p.c && gcc -o p p.c $(python3-config --includes) && ./p && echo built`,
      "built",
    ],
    [
      `printf '#include <node_api.h>\\n#include <openssl/evp.h>\\nint x(void) { return 0; }\\n' > n.c && gcc -shared -fPIC -I /usr/local/include/node -o n.node n.c && echo built`,
      "built",
    ],
    ["ls .cache/node-gyp/$(node -p process.versions.node)/include/node/node.h | wc -l", "1"],
    ["printf 'all:\\n\\t@echo made\\n' > Makefile && make", "made"],
  ],
  "users, names, sessions": [
    ["id -un; groups", "app\napp sudo"],
    ["sudo useradd -m bob && sudo -u bob sh -c 'id -un; cd; pwd' && sudo userdel bob", "bob\n/home/bob"],
    ["hostname -f; getent hosts $(hostname) | awk '{print $2}'", /^(\S+)\n\1$/],
    ["getent hosts localhost | awk '{print $1}'", "::1"],
    ["getent passwd app", "app:x:1000:1000::/home/app:/bin/bash"],
    ["script -qec 'tty; stty size' /dev/null", /^\/dev\/pts\/\d+\r?\n\d+ \d+/],
    ["tmux new-session -d -s work 'sleep 60' && tmux list-sessions -F '#S' && tmux kill-server", "work"],
    ["w -h; who; uptime | grep -c 'load average'", "1"],
    ["cat /etc/motd | head -2 | tail -1", /Debian/],
    [
      "sudo ls /home/app/.bashrc /home/app/.profile /root/.bashrc",
      "/home/app/.bashrc\n/home/app/.profile\n/root/.bashrc",
    ],
  ],
  "processes and limits": [
    ["ps -p 1 -o comm=", "init"],
    ["top -bn1 | head -1 | cut -c1-3", "top"],
    ["test $(ulimit -n) -ge 1024 && test $(ulimit -Hn) -ge 65536 && echo enough", "enough"],
    ["ulimit -c; cat /proc/sys/kernel/core_pattern", "0\ncore"],
    ["sysctl -n vm.max_map_count kernel.pid_max fs.inotify.max_user_watches", "1048576\n4194304\n524288"],
    ["sudo sysctl -w net.ipv4.ip_forward=1", "net.ipv4.ip_forward = 1"],
    ["sudo dmesg | grep -c 'Linux version'", "1"],
    ["unshare -Ur id -u", "0"],
    ["grep -c ^app: /etc/subuid", "1"],
    ["strace -o trace true && grep -c execve trace", "1"],
    ["lsof -t -p $$ > /dev/null && echo listed", "listed"],
    ["mktemp -d | cut -c1-9", "/tmp/tmp."],
    ["nohup sleep 0 > /dev/null 2>&1 && echo quiet", "quiet"],
    ["timeout 0.1 sleep 5; echo $?", "124"],
    ["python -c 'import multiprocessing as m; print(m.Pool(2).map(abs, [-1]))'", "[1]"],
    ["python -c 'import _multiprocessing; print(_multiprocessing.SemLock.SEM_VALUE_MAX > 0)'", "True"],
  ],
  "the network, from inside": [
    ["ip -br addr show tun0 | awk '{print $3}'", "100.100.100.2/24"],
    ["ping -c1 -W5 127.0.0.1 | grep -c '0% packet loss'", "1"],
    [
      "(echo hello | nc -l -N 127.0.0.1 4000 > /dev/null &) ; for n in $(seq 50); do nc -w 2 127.0.0.1 4000 < /dev/null && break; sleep 0.1; done",
      "hello",
    ],
    [
      "cd $(mktemp -d) && (python -m http.server 4001 > /dev/null 2>&1 &) ; curl -s --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null -w '%{http_code}' http://127.0.0.1:4001/",
      "200",
    ],
    ["ss -Hltn 'sport = :4001' | wc -l", "1"],
  ],
  services: [
    [
      "service ssh status; sudo service ssh start && nc -w 5 127.0.0.1 22 < /dev/null | cut -c1-7; sudo service ssh stop > /dev/null",
      /SSH-2\.0/,
    ],
    ["command -v systemctl journalctl crontab timedatectl | wc -l", "0"],
  ],
  "git, archives, keys": [
    [
      "git init -q repository && cd repository && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first && git log --format=%s",
      "first",
    ],
    ["git commit --allow-empty 2>&1 | grep -c 'fatal: not a git'", "1"],
    [
      "echo text > f && for how in 'tar czf a.tgz' 'tar cJf a.txz' 'tar cjf a.tbz' 'tar --zstd -cf a.tzst' 'zip -q a.zip'; do $how f || echo \"no $how\"; done; unzip -qo a.zip && tar xf a.tzst && cat f",
      "text",
    ],
    ["file -b f", "ASCII text"],
    ["mkdir -p from && cp f from && rsync -a from/ to && diff -r from to && echo same", "same"],
    ["ssh-keygen -q -t ed25519 -N '' -f key && wc -l < key.pub", "1"],
    ["gpg --version | head -1 | cut -c1-3", "gpg"],
    ["echo '{\"a\":[1,2]}' | jq -c .a", "[1,2]"],
    ["sqlite3 :memory: 'select 6*7'", "42"],
    ["echo needle > haystack && rg --no-heading needle haystack", "needle"],
    ["python -m venv --without-pip v && v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'", "True"],
  ],
  packages: [
    ["dpkg --audit; sudo dpkg --configure -a", ""],
    ["sudo grep -A2 '^Name: debconf/frontend' /var/cache/debconf/config.dat | tail -1", "Value: Noninteractive"],
    [
      "apt-get --version | head -1 | cut -c1-3; apt-cache policy build-essential | grep -c 'Installed: (none)'",
      "apt\n0",
    ],
  ],
};
