# shellcheck shell=bash
# Versions: dotted numbers, compared number by number.

# version_of TEXT: prints the first dotted number in it ("go version go1.24.4 linux/amd64" gives 1.24.4).
version_of() {
  [[ $1 =~ [0-9]+(\.[0-9]+)* ]] && printf '%s\n' "${BASH_REMATCH[0]}"
}

# at_least HAVE NEED: true when version HAVE is NEED or later. Missing parts are 0; an empty HAVE is never enough.
at_least() {
  local have need i
  [[ -n $1 ]] || return 1
  IFS=. read -ra have <<<"$1"
  IFS=. read -ra need <<<"$2"
  for ((i = 0; i < ${#need[@]}; i++)); do
    if ((10#${have[i]:-0} != 10#${need[i]})); then
      ((10#${have[i]:-0} > 10#${need[i]}))
      return
    fi
  done
}
