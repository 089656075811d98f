package walk

import (
	"strings"

	"github.com/dlclark/regexp2"
)

// globSigns is std/path's test for globs.
var globSigns = regexp2.MustCompile(
	`\\(.)|(^!|\*|\?|[\].+)]\?|\[[^\\\]]+\]|\{[^\\}]+\}|\(\?[:!=][^\\)]+\)|\([^|]+\|[^\\)]+\))`, regexp2.ECMAScript)

var closers = map[string]string{"{": "}", "(": ")", "[": "]"}

// isGlob reports whether a path segment is a pattern rather than a literal name; it follows std/path.
func isGlob(segment string) bool {
	for rest := segment; rest != ""; {
		match, err := globSigns.FindStringMatch(rest)
		if err != nil || match == nil {
			return false
		}
		if len(match.GroupByNumber(2).Captures) > 0 {
			return true
		}
		// An escaped opening bracket hides everything up to its closing bracket.
		runes := []rune(rest)
		after := string(runes[match.Index+match.Length:])
		if closer, ok := closers[match.GroupByNumber(1).String()]; ok {
			if _, behind, found := strings.Cut(after, closer); found {
				after = behind
			}
		}
		rest = after
	}
	return false
}
