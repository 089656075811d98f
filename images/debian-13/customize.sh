#!/bin/bash
# The last step of a build, run by mmdebstrap with the finished root as $1, outside of the chroot but inside the same
# user namespace: so that owners are right in the disk image whether or not the builder is root.
#
# In $1/tmp/sandkeep: this file, overlay/, node.tgz, npm.tgz and deno.tgz, as the builder sent them.
# Result, on the descriptor whose number is $2: a tar of root.qcow2, vmlinuz, kernel-release, modules/ and packages.tsv.
# Environment: SANDKEEP_KERNEL, SANDKEEP_MODULES, SANDKEEP_DISK_MIB, SANDKEEP_JOURNAL_MIB, SANDKEEP_LABEL,
# SANDKEEP_UUID, SANDKEEP_HASH_SEED; SANDKEEP_SCRATCH, a directory outside of the root.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
root=$1 results=$2
inside() { chroot "$root" "$@"; }
step() { echo "sandkeep-step: $*" >&2; }

# Everything temporary lives in the root's /tmp, which mmdebstrap removes even when it is interrupted, and which is
# covered when the disk image is made.
work=$root/tmp/sandkeep
mkdir "$work/out" "$work/out/modules" "$work/kernel"

# The newest date that the archive has signed: no file of a package is newer, and nothing of ours shall be.
epoch=$(cat "$root"/var/lib/apt/lists/*Release | sed -n 's/^Date: //p' | while read -r date; do date -d "$date" +%s; done | sort -n | tail -n 1)
export SOURCE_DATE_EPOCH="$epoch"

step kernel
kernel=$(APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache depends "$SANDKEEP_KERNEL" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p')
(cd "$work" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -o APT::Sandbox::User=root download "$kernel" >&2)
dpkg-deb --extract "$work"/linux-image-*.deb "$work/kernel"
ln -s usr/lib "$work/kernel/lib"
release=$(ls "$work/kernel/usr/lib/modules")
inside depmod -b /tmp/sandkeep/kernel "$release"
cp "$work/kernel/boot/vmlinuz-$release" "$work/out/vmlinuz"
# In load order, dependencies first; nothing is printed for what is built into the kernel.
for module in $SANDKEEP_MODULES; do
  inside modprobe -d /tmp/sandkeep/kernel -S "$release" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' | while read -r path; do
  name=$(basename "$path" .xz)
  inside xz -dc "$path" > "$work/out/modules/$name"
  echo "$name" >> "$work/out/modules/order"
done
mkdir -p "$root/usr/lib/modules"
cp -a "$work/kernel/usr/lib/modules/$release" "$root/usr/lib/modules/"

step programs
# With the headers that native modules are compiled against; those of OpenSSL for this architecture only.
tar -x -z -f "$work/node.tgz" -C "$root/usr/local" --no-same-owner --strip-components=1 \
  --exclude='package/include/node/openssl/archs/*' package/bin/node package/include
tar -x -z -f "$work/node.tgz" -C "$root/usr/local" --no-same-owner --strip-components=1 package/include/node/openssl/archs/linux-x86_64
mkdir -p "$root/usr/local/lib/node_modules/npm"
tar -x -z -f "$work/npm.tgz" -C "$root/usr/local/lib/node_modules/npm" --no-same-owner --strip-components=1 \
  --exclude='package/docs' --exclude='package/man'
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
tar -x -z -f "$work/deno.tgz" -C "$root/usr/local/bin" --no-same-owner --strip-components=1 package/deno
chmod 0755 "$root"/usr/local/bin/node "$root"/usr/local/bin/deno "$root"/usr/local/lib/node_modules/npm/bin/*-cli.js
find "$root/usr/local/include" -type d -exec chmod 0755 {} + -o -type f -exec chmod 0644 {} +
# Where PATH is missing too, programs look into /usr/bin.
for program in node npm npx deno; do ln -s "../local/bin/$program" "$root/usr/bin/$program"; done

step settings
# mmdebstrap's own settings and the host's name and resolver: not the image's.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99{mmdebstrap,debconf} \
  "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$root"/etc/resolv.conf "$root"/etc/hostname
cp -R --no-preserve=all "$work/overlay/." "$root/"
chmod 0440 "$root/etc/sudoers.d/app"
inside visudo --check --quiet
ln -sf ../proc/self/mounts "$root/etc/mtab"
inside locale-gen >&2
# C.UTF-8 as well: from the archive it takes one file to load instead of twelve.
inside localedef --add-to-archive /usr/lib/locale/C.utf8
# Nobody answers the questions of packages that are installed later.
echo "debconf debconf/frontend select Noninteractive" | inside debconf-set-selections
inside groupadd --gid 1000 app
inside useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash --groups sudo --password '*' app
inside install -d -o app -g app -m 0755 /app
# Programs of users have their directory from the start, so that shells look there.
inside install -d -o app -g app -m 0755 /home/app/.local /home/app/.local/bin
# Some packages' scripts put links to manuals here and fail without the directories.
for section in 1 2 3 4 5 6 7 8; do mkdir -p "$root/usr/share/man/man$section"; done

step trust
# See libca.c. Names of the same length: nothing else in the programs changes.
inside sh -c 'cd /usr/local/src && gcc -shared -fPIC -O2 -Wall -Werror -s -Wl,-soname,libca.so.1 -Wl,--version-script=libca.map -o ../lib/libca.so.1 libca.c'
inside ldconfig
for program in node deno; do
  sed -i 's/\x00libdl\.so\.2\x00/\x00libca.so.1\x00/' "$root/usr/local/bin/$program"
  [ "$(inside env -i "$program" --version | wc -l)" -gt 0 ]
  # Read to its end: a pipe to `grep -q` breaks at the first match, and with pipefail the whole step fails.
  loaded=$(inside /lib64/ld-linux-x86-64.so.2 --list "/usr/local/bin/$program")
  [[ $loaded == *libca.so.1* ]] || { echo "customize.sh: $program does not load libca.so.1" >&2; exit 1; }
done
inside npm --version >&2

step clean
# Nothing unique or secret: keys and ids are made when a machine starts.
rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/lib/systemd/random-seed "$root"/var/lib/dbus/machine-id
: > "$root/etc/machine-id"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin \
  "$root"/var/cache/ldconfig/aux-cache "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old \
  "$root"/etc/*- "$root"/root/.npm "$root"/root/.cache "$root"/root/.ssh
find "$root/var/log" -xdev -type f -delete
# node-gyp finds node's headers here instead of downloading them, if it is this node that it builds for.
for home in root home/app; do
  headers=$root/$home/.cache/node-gyp/$(inside node -p process.versions.node)
  mkdir -p "$headers"
  ln -s /usr/local/include "$headers/include"
  inside node -p 'require("/usr/local/lib/node_modules/npm/node_modules/node-gyp/package.json").installVersion' > "$headers/installVersion"
done
inside chown -R --no-dereference app:app /home/app/.cache
mkdir -p "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial
# shellcheck disable=SC2016 # dpkg-query expands these
inside dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' > "$work/out/packages.tsv"
printf '%s\n' "$release" > "$work/out/kernel-release"

step disk
# A view of the root without what is mounted into it, and with nothing in the directories that a running system mounts
# over. Root in a container may be unable to mount; then nothing is mounted into the root either.
if mkdir "$work/view" && mount --bind "$root" "$work/view" 2>/dev/null; then
  view=$work/view
  mount -t tmpfs -o mode=0755 none "$view/dev"
  mount -t tmpfs -o mode=0755 none "$view/run"
  mount -t tmpfs -o mode=1777 none "$view/tmp"
  trap 'umount "$view/dev" "$view/run" "$view/tmp" "$view"' EXIT
else
  [ "$MMDEBSTRAP_MODE" = root ] || { echo "customize.sh: cannot mount in a user namespace of this machine" >&2; exit 1; }
  mv "$work" "$SANDKEEP_SCRATCH/work"
  work=$SANDKEEP_SCRATCH/work
  view=$root
  rm -rf "${root:?}"/dev/* "${root:?}"/run/* "${root:?}"/tmp/*
fi
find "$view" -xdev -newermt "@$epoch" -exec touch --no-dereference --date="@$epoch" {} +
touch --date="@$epoch" "$view/dev" "$view/run" "$view/tmp"
truncate --size="${SANDKEEP_DISK_MIB}M" "$work/root.raw"
# The image's own mke2fs, so that the result does not depend on the host's. The file is new, so it reads as zeros:
# with the tables marked as zeroed no kernel thread will write them later, in every clone.
MKE2FS_CONFIG=$root/etc/mke2fs.conf \
"$root/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" "$root/usr/sbin/mke2fs" \
  -q -F -t ext4 -b 4096 -m 0 -L "$SANDKEEP_LABEL" -U "$SANDKEEP_UUID" -J "size=$SANDKEEP_JOURNAL_MIB" \
  -E "hash_seed=$SANDKEEP_HASH_SEED,root_owner=0:0,assume_storage_prezeroed=1,lazy_itable_init=0,lazy_journal_init=0" \
  -d "$view" "$work/root.raw" >&2
qemu-img convert -m 1 -f raw -O qcow2 "$work/root.raw" "$work/out/root.qcow2"

step results
tar -c -f - -C "$work/out" . >&"$results"
