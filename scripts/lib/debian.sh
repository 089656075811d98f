# Debian packages: which are missing, and how to install them. Needs say.sh.

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

# is_installed PACKAGE
is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

# missing_packages LIST_FILE: the names of packages in it that are not installed, one a line. Without dpkg, those whose
# program is not found.
missing_packages() {
  local package program rest
  while read -r package program rest; do
    [[ -n $package && $package != '#'* ]] || continue
    if has dpkg-query; then
      is_installed "$package" || printf '%s\n' "$package"
    elif [[ $program != - ]]; then
      has "$program" || printf '%s\n' "$package"
    fi
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

# debian_mirror CODENAME: the mirror this machine already uses for that release, else Debian's own.
debian_mirror() {
  local found
  found=$(grep -rhoE '(https?|file|mirror\+[a-z]+)://[^] ]+/debian/?( |$)' "$apt_sources/sources.list" "$apt_sources/sources.list.d" 2>/dev/null | head -n 1) || true
  found=${found%% *}
  printf '%s\n' "${found:-http://deb.debian.org/debian}"
}

# has_backports CODENAME: does apt know the release's backports already?
has_backports() {
  grep -rqsE "^[^#]*\b$1-backports\b" "$apt_sources/sources.list" "$apt_sources/sources.list.d"
}

# backports_source CODENAME: the text of a source file for the release's backports.
backports_source() {
  printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$(debian_mirror)" "$1"
}
