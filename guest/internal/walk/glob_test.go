package walk

import (
	"strings"
	"testing"
)

var usual = globOptions{extended: true, globstar: true}

func TestGlobsMatchAsInStdPath(t *testing.T) {
	plain := globOptions{}
	noCase := globOptions{extended: true, globstar: true, caseInsensitive: true}
	for _, c := range []struct {
		glob    string
		options globOptions
		yes, no []string
	}{
		{"", usual, nil, []string{"", "a"}},
		{"*.txt", usual, []string{"a.txt", ".txt"}, []string{"a.txtx", "a/b.txt", "atxt"}},
		{"a/*/c", usual, []string{"a/b/c", "a//b/c", "a/b/c/"}, []string{"a/c", "a/b/d/c"}},
		{"a/**/c", usual, []string{"a/c", "a/b/c", "a/b/d/c"}, []string{"a/b", "ac"}},
		{"a/**/c", plain, []string{"a/b/c"}, []string{"a/c", "a/b/d/c"}},
		{"**", usual, []string{"", "a", "a/b/c"}, nil},
		{"a**", usual, []string{"a", "abc"}, []string{"a/b"}},
		{"?.ts", usual, []string{"a.ts", "..ts"}, []string{"ab.ts", ".ts"}},
		{"[abc].ts", usual, []string{"a.ts"}, []string{"d.ts"}},
		{"[!abc].ts", usual, []string{"d.ts"}, []string{"a.ts"}},
		{"[^a].ts", usual, []string{"^.ts", "a.ts"}, []string{"b.ts"}},
		{"[[:digit:][:upper:]]", usual, []string{"7", "X"}, []string{"x"}},
		{"[a-c]x", usual, []string{"bx"}, []string{"dx"}},
		{`[\]]`, usual, []string{"]"}, []string{`\`}},
		{"{a,b,c*}.ts", usual, []string{"a.ts", "b.ts", "cde.ts"}, []string{"d.ts", "ab.ts"}},
		{"{a,b/c}", usual, []string{"a", "b/c"}, []string{"b"}},
		{"+(ab|c)", usual, []string{"ab", "abc", "ccab"}, []string{"", "a"}},
		{"@(a|b).ts", usual, []string{"a.ts"}, []string{"ab.ts", ".ts"}},
		{"?(a|b).ts", usual, []string{".ts", "b.ts"}, []string{"ab.ts"}},
		{"*(a|b).ts", usual, []string{".ts", "abba.ts"}, []string{"c.ts"}},
		{"!(a|b).ts", usual, []string{"c.ts", ".ts"}, []string{"a.ts"}},
		{"+(a)", plain, []string{"+(a)"}, []string{"aa"}},
		{`\*.ts`, usual, []string{"*.ts"}, []string{"a.ts"}},
		{"a.b+c$", usual, []string{"a.b+c$"}, []string{"aXb+c$", "a.bbc$"}},
		{"{a", usual, []string{"{a"}, []string{"a"}},
		{"[a", usual, []string{"[a"}, []string{"a"}},
		{`a\`, usual, []string{`a\`}, []string{"a"}},
		{"A*", noCase, []string{"abc", "ABC"}, []string{"b"}},
		{"é*", usual, []string{"éa"}, []string{"e"}},
		{"a///b//", usual, []string{"a/b", "a/b/"}, []string{"ab"}},
	} {
		p, err := compileGlob(c.glob, c.options)
		if err != nil {
			t.Errorf("%q: %v", c.glob, err)
			continue
		}
		for want, texts := range map[bool][]string{true: c.yes, false: c.no} {
			for _, text := range texts {
				if got, err := p.matches(text); got != want || err != nil {
					t.Errorf("%q with %q: %v %v, by %s", c.glob, text, got, err, p.expression)
				}
			}
		}
	}
}

func TestGlobsBecomeTheExpressionsOfStdPath(t *testing.T) {
	for glob, want := range map[string]string{
		"*.ts":       `^[^/]*\.ts/*$`,
		"a/**/b":     `^a/+(?:[^/]*(?:/|$)+)*b/*$`,
		"{foo,bar}?": `^(?:foo|bar)./*$`,
		"!(x)":       `^(?!x)[^/]*/*$`,
	} {
		if got := globToExpression(glob, usual); got != want {
			t.Errorf("%s: %s", glob, got)
		}
	}
}

func TestWhatIsAGlob(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "name": false, "a.b": false, "..": false, "*": true, "a*b": true, "?": true, "[ab]": true, "{a,b}": true,
		"!a": true, "a!": false, "+(a|b)": true, "(a|b)": true, "(a": false, `\*`: false, `\[a]`: false, `\*?`: true, "a]": false,
		"é*": true, "@(a)": false, "[": false,
	} {
		if got := isGlob(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzGlob(f *testing.F) {
	for _, glob := range []string{"**/*.{ts,tsx}", "[[:alpha:]-z]", "!(a|@(b|+(c)))", `\`, "[!", "{a,{b,c}", "((((", "[[:x:]"} {
		f.Add(glob, true, true, false, "a/b.ts")
	}
	f.Fuzz(func(t *testing.T, glob string, extended, globstar, noCase bool, text string) {
		if strings.Count(glob, "*")+strings.Count(glob, "(") > 8 || len(text) > 64 {
			return // backtracking for a second is not a failure
		}
		isGlob(glob)
		p, err := compileGlob(glob, globOptions{extended, globstar, noCase})
		if err == nil {
			_, _ = p.matches(text)
		}
	})
}
