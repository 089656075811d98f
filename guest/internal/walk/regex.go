// Package walk implements Deno's std/fs walk and expandGlob.
package walk

import (
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

const (
	// maxPatternBytes limits one regular expression or glob; paths themselves are at most 4 KiB.
	maxPatternBytes = 16 * 1024
	maxPatterns     = 256
	// matchTimeout limits one match: JavaScript's expressions backtrack, some of them for ever.
	matchTimeout = time.Second
)

// pattern is a compiled regular expression with JavaScript semantics.
type pattern struct {
	expression *regexp2.Regexp
	sticky     bool
}

// compile takes the source and flags of a JavaScript regular expression.
func compile(source, flags string) (pattern, error) {
	var p pattern
	if len(source) > maxPatternBytes {
		return p, fault.TypeError("Regular expression longer than %d bytes", maxPatternBytes)
	}
	options := regexp2.RegexOptions(regexp2.ECMAScript)
	for i, flag := range flags {
		if strings.ContainsRune(flags[:i], flag) {
			return p, fault.New("SyntaxError", "Invalid flags supplied to RegExp constructor '%s'", flags)
		}
		switch flag {
		case 'i':
			options |= regexp2.IgnoreCase
		case 'm':
			options |= regexp2.Multiline
		case 's':
			options |= regexp2.Singleline
		case 'u', 'v':
			options |= regexp2.Unicode
		case 'y':
			p.sticky = true
		case 'd', 'g': // irrelevant to a test
		default:
			return p, fault.New("SyntaxError", "Invalid flags supplied to RegExp constructor '%s'", flags)
		}
	}
	expression, err := regexp2.Compile(source, options)
	if err != nil {
		return p, fault.New("SyntaxError", "Invalid regular expression: /%s/%s: %s", source, flags, err)
	}
	expression.MatchTimeout = matchTimeout
	p.expression = expression
	return p, nil
}

// matches reports whether the pattern occurs in the text.
func (p pattern) matches(text string) (bool, error) {
	match, err := p.expression.FindStringMatch(text)
	if err != nil {
		return false, fault.WithCode("TimedOut", "ETIMEDOUT", "The regular expression takes longer than %s for '%s'", matchTimeout, text)
	}
	return match != nil && (!p.sticky || match.Index == 0), nil
}

// patterns matches if any of its patterns does.
type patterns []pattern

func compileAll(list []contract.Regex) (patterns, error) {
	if len(list) > maxPatterns {
		return nil, fault.TypeError("More than %d regular expressions", maxPatterns)
	}
	compiled := make(patterns, 0, len(list))
	for _, regex := range list {
		p, err := compile(regex.Source, regex.Flags)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, p)
	}
	return compiled, nil
}

func (ps patterns) anyMatches(text string) (bool, error) {
	for _, p := range ps {
		if found, err := p.matches(text); found || err != nil {
			return found, err
		}
	}
	return false, nil
}
