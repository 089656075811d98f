# shellcheck shell=bash
# Words to the user. Progress goes to standard error: standard output belongs to the command that follows.

say() { printf 'sandkeep: %s\n' "$*" >&2; }

# fail MESSAGE…: the first line says what happened, the others what to do.
fail() {
  say "$1"
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# logged WHAT COMMAND…: runs a command whose output nobody wants to see unless it fails. Needs $log.
logged() {
  local what=$1
  shift
  say "$what …"
  # shellcheck disable=SC2154 # given by who sources this
  printf '\n==> %s\n$ %s\n' "$what" "$*" >>"$log"
  if ! "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 20 -- "$log" | sed 's/^/  | /' >&2
    fail "$what failed" "command: $*" "whole log: $log"
  fi
}
