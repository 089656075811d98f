# shellcheck shell=bash
# Debian packages: which are missing or too old, and how to install them. Needs version.sh.

os_release=${SANDKEEP_OS_RELEASE:-/etc/os-release}
apt_sources=${SANDKEEP_APT_DIR:-/etc/apt}

# os_field NAME: a field of os-release, such as ID or VERSION_CODENAME.
os_field() {
  local line value
  while IFS= read -r line; do
    if [[ $line == "$1="* ]]; then
      value=${line#*=}
      value=${value#\"}
      printf '%s\n' "${value%\"}"
      return
    fi
  done 2>/dev/null <"$os_release" || true
}

has() { command -v -- "$1" >/dev/null 2>&1; }

# installed_version PACKAGE: of a package that is whole; nothing otherwise. Without epoch.
installed_version() {
  local answer
  answer=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' "$1" 2>/dev/null) || return 0
  [[ $answer == ii* ]] || return 0
  answer=${answer##* }
  printf '%s\n' "${answer#*:}"
}

# missing_packages LIST_FILE: what is to be installed, one a line: `main PACKAGE`, or `newer PACKAGE` when there is a least
# version. Without dpkg, those whose program is not found.
missing_packages() {
  local package least program rest have from
  while read -r package least program rest; do
    [[ -n $package && $package != '#'* ]] || continue
    [[ $least == - ]] && from=main || from=newer
    if has dpkg-query; then
      have=$(installed_version "$package")
      [[ -n $have ]] && { [[ $least == - ]] || at_least "$(version_of "$have")" "$least"; } && continue
    elif [[ $program == - ]] || has "$program"; then
      continue
    fi
    printf '%s %s\n' "$from" "$package"
  done <"$1"
}

# as_root COMMAND…: how a command is run with the rights of root, as words in the array `rooted`; false when there is no way.
as_root() {
  # shellcheck disable=SC2034 # read by the caller
  if ((EUID == 0)); then
    rooted=("$@")
  elif has sudo && { [[ -t 0 && -t 2 ]] || sudo -n true 2>/dev/null; }; then
    rooted=(sudo "$@")
  else
    return 1
  fi
}

# needs_backports CODENAME: is this a release whose QEMU and Go are too old?
needs_backports() { [[ $1 == bookworm ]]; }

# has_backports CODENAME: does apt know the release's backports already?
has_backports() {
  grep -rqsE "^[^#]*\b$1-backports\b" "$apt_sources/sources.list" "$apt_sources/sources.list.d"
}

# debian_mirror: the mirror that this machine gets Debian from already, else Debian's own.
debian_mirror() {
  local found
  found=$(grep -rhoE '(https?|file|mirror\+[a-z]+)://[^] ]+/debian/?( |$)' "$apt_sources/sources.list" "$apt_sources/sources.list.d" 2>/dev/null | head -n 1) || true
  found=${found%% *}
  printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# backports_source CODENAME: the text of a source file for the release's backports.
backports_source() {
  printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$(debian_mirror)" "$1"
}
