package walk

import (
	"strings"

	"github.com/dlclark/regexp2"
)

// globSigns is std/path's test for what makes a path a glob.
var globSigns = regexp2.MustCompile(
	`\\(.)|(^!|\*|\?|[\].+)]\?|\[[^\\\]]+\]|\{[^\\}]+\}|\(\?[:!=][^\\)]+\)|\([^|]+\|[^\\)]+\))`, regexp2.ECMAScript)

var closers = map[string]string{"{": "}", "(": ")", "[": "]"}

// isGlob says whether a segment of a path has to be matched rather than taken as it is; it follows std/path.
func isGlob(segment string) bool {
	for rest := segment; rest != ""; {
		match, err := globSigns.FindStringMatch(rest)
		if err != nil || match == nil {
			return false
		}
		if len(match.GroupByNumber(2).Captures) > 0 {
			return true
		}
		// An escaped opening bracket hides everything up to its closing one.
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
