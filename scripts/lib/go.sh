# shellcheck shell=bash
# Go, which builds the guest's agent. Needs version.sh and debian.sh.

# From this version on, Go fetches by itself the newer Go that a module asks for (GOTOOLCHAIN=auto).
go_switches_since=1.21

# go_needed GO_MOD: the version in its `go` line.
go_needed() {
  local word version rest
  while read -r word version rest; do
    if [[ $word == go ]]; then
      printf '%s\n' "$version"
      return
    fi
  done 2>/dev/null <"$1" || true
}

# go_installed: the version of the Go in PATH, or nothing.
go_installed() {
  has go || return 0
  version_of "$(GOTOOLCHAIN=local go version 2>/dev/null)" || true
}

# go_suffices NEED: is the installed Go new enough, by itself or by fetching a newer one?
go_suffices() {
  local have
  have=$(go_installed)
  at_least "$have" "$1" || { [[ ${2-} == switching ]] && at_least "$have" "$go_switches_since"; }
}
