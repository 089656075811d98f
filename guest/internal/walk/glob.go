package walk

import (
	"strings"

	"sandkeep.dev/guest/internal/fault"
)

// globOptions are those of std/path's globToRegExp.
type globOptions struct {
	extended        bool
	globstar        bool
	caseInsensitive bool
}

// Pieces of the expressions for POSIX paths.
const (
	oneSeparator   = "/+"
	maybeSeparator = "/*"
	anySegments    = "(?:[^/]*(?:/|$)+)*"
	anyName        = "[^/]*"
	// specials need a backslash outside a range; rangeSpecials inside one.
	specials      = "!$()*+.=?[\\^{|"
	rangeSpecials = "-\\]"
)

var characterClasses = map[string]string{
	"alnum": `\dA-Za-z`, "alpha": "A-Za-z", "ascii": `\x00-\x7F`, "blank": `\t `, "cntrl": `\x00-\x1F\x7F`, "digit": `\d`,
	"graph": `\x21-\x7E`, "lower": "a-z", "print": `\x20-\x7E`, "punct": "!\"#$%&'()*+,\\-./:;<=>?@[\\\\\\]^_‘{|}~",
	"space": `\s\v`, "upper": "A-Z", "word": `\w`, "xdigit": `\dA-Fa-f`,
}

// compileGlob compiles a glob to a pattern.
func compileGlob(glob string, options globOptions) (pattern, error) {
	if len(glob) > maxPatternBytes {
		return pattern{}, fault.TypeError("Glob longer than %d bytes", maxPatternBytes)
	}
	flags := ""
	if options.caseInsensitive {
		flags = "i"
	}
	return compile(globToExpression(glob, options), flags)
}

// globToExpression returns the source of the regular expression that std/path's globToRegExp makes.
func globToExpression(glob string, options globOptions) string {
	if glob == "" {
		return "(?!)"
	}
	for len(glob) > 1 && strings.HasSuffix(glob, "/") {
		glob = glob[:len(glob)-1]
	}
	var expression strings.Builder
	expression.WriteByte('^')
	for from := 0; from < len(glob); {
		s := &segment{glob: glob, at: from, options: options}
		s.translate()
		source, endsWithSeparator := s.source.String(), s.endsWithSeparator
		if len(s.groups) > 0 || s.inRange || s.escaped {
			// An unclosed group: the whole segment is literal.
			source, endsWithSeparator = escapeAll(glob[from:s.at]), false
		}
		expression.WriteString(source)
		if !endsWithSeparator {
			if s.at < len(glob) {
				expression.WriteString(oneSeparator)
			} else {
				expression.WriteString(maybeSeparator)
			}
		}
		for from = s.at; from < len(glob) && glob[from] == '/'; from++ {
		}
	}
	expression.WriteByte('$')
	return expression.String()
}

func escapeAll(text string) string {
	var escaped strings.Builder
	for i := 0; i < len(text); i++ {
		escaped.WriteString(escape(text[i], specials))
	}
	return escaped.String()
}

func escape(char byte, among string) string {
	if strings.IndexByte(among, char) >= 0 {
		return "\\" + string(char)
	}
	return string([]byte{char})
}

// segment translates one part of a glob, up to a slash outside any group.
type segment struct {
	glob    string
	at      int
	options globOptions

	source            strings.Builder
	groups            []byte // '{' for braces, else the character before the parenthesis
	inRange           bool
	escaped           bool
	endsWithSeparator bool
}

const brace = '{'

func (s *segment) translate() {
	for ; s.at < len(s.glob) && !(s.glob[s.at] == '/' && len(s.groups) == 0); s.at++ {
		char := s.glob[s.at]
		switch {
		case s.escaped:
			s.escaped = false
			if s.inRange {
				s.source.WriteString(escape(char, rangeSpecials))
			} else {
				s.source.WriteString(escape(char, specials))
			}
		case char == '\\':
			s.escaped = true
		case char == '[' && s.openRange():
		case char == ']' && s.inRange:
			s.inRange = false
			s.source.WriteByte(']')
		case s.inRange:
			s.source.WriteString(escape(char, `\`))
		case s.group(char):
		default:
			s.plain(char)
		}
	}
}

// openRange begins a range, or reads a character class inside one.
func (s *segment) openRange() bool {
	if !s.inRange {
		s.inRange = true
		s.source.WriteByte('[')
		switch s.peek(1) {
		case '!':
			s.at++
			s.source.WriteByte('^')
		case '^':
			s.at++
			s.source.WriteString(`\^`)
		}
		return true
	}
	if s.peek(1) != ':' {
		return false
	}
	name, _, closed := strings.Cut(s.glob[s.at+2:], ":")
	end := s.at + 2 + len(name) // of the name; ":]" follows
	if !closed || end+1 >= len(s.glob) || s.glob[end+1] != ']' {
		return false
	}
	s.source.WriteString(characterClasses[name])
	s.at = end + 1
	return true
}

// group handles opening, separating and closing groups.
func (s *segment) group(char byte) bool {
	inside := byte(0)
	if len(s.groups) > 0 {
		inside = s.groups[len(s.groups)-1]
	}
	extended := s.options.extended && s.peek(1) == '('
	switch {
	case char == ')' && inside != 0 && inside != brace:
		s.source.WriteByte(')')
		s.groups = s.groups[:len(s.groups)-1]
		if inside == '!' {
			s.source.WriteString(anyName)
		} else if inside != '@' {
			s.source.WriteByte(inside)
		}
	case char == '|' && inside != 0 && inside != brace, char == ',' && inside == brace:
		s.source.WriteByte('|')
	case strings.IndexByte("+@?*", char) >= 0 && extended:
		s.open(char, "(?:")
	case char == '!' && extended:
		s.open(char, "(?!")
	case char == '{':
		s.groups = append(s.groups, brace)
		s.source.WriteString("(?:")
	case char == '}' && inside == brace:
		s.groups = s.groups[:len(s.groups)-1]
		s.source.WriteByte(')')
	default:
		return false
	}
	return true
}

func (s *segment) open(kind byte, source string) {
	s.at++ // the parenthesis
	s.groups = append(s.groups, kind)
	s.source.WriteString(source)
}

func (s *segment) plain(char byte) {
	switch char {
	case '?':
		s.source.WriteByte('.')
	case '*':
		before := s.peek(-1)
		stars := 1
		for ; s.peek(1) == '*'; s.at++ {
			stars++
		}
		after := s.peek(1)
		alone := (before == 0 || before == '/') && (after == 0 || after == '/')
		if s.options.globstar && stars == 2 && alone {
			s.source.WriteString(anySegments)
			s.endsWithSeparator = true
		} else {
			s.source.WriteString(anyName)
		}
	default:
		s.source.WriteString(escape(char, specials))
	}
}

// peek returns a character near the current one, or 0 if there is none.
func (s *segment) peek(offset int) byte {
	if at := s.at + offset; at >= 0 && at < len(s.glob) {
		return s.glob[at]
	}
	return 0
}
