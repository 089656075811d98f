package walk

import (
	"strings"
	"testing"
)

func TestExpressionsMeanWhatTheyMeanInJavaScript(t *testing.T) {
	for _, c := range []struct {
		source, flags, text string
		want                bool
	}{
		{`\.ts$`, "", "a.ts", true},
		{`\.ts$`, "", "a.ts\n", false},
		{`^b`, "", "a\nb", false},
		{`^b`, "m", "a\nb", true},
		{`a.b`, "", "a\nb", false},
		{`a.b`, "s", "a\nb", true},
		{`FOO`, "i", "a/foo", true},
		{`(?<=x)y(?!z)`, "", "xy", true},
		{`(?<=x)y(?!z)`, "", "xyz", false},
		{`(?<n>a)\k<n>`, "", "aa", true},
		{`(a)\1`, "g", "aa", true},
		{`\p{Lu}`, "u", "É", true},
		{`\u{1F600}`, "u", "😀", true},
		{`\d`, "", "٣", false},
		{`[^]`, "", "a", true},
		{`x`, "y", "ax", false},
		{`x`, "y", "xa", true},
		{`\/a`, "d", "/a", true},
	} {
		p, err := compile(c.source, c.flags)
		if err != nil {
			t.Errorf("/%s/%s: %v", c.source, c.flags, err)
			continue
		}
		if got, err := p.matches(c.text); got != c.want || err != nil {
			t.Errorf("/%s/%s with %q: %v %v", c.source, c.flags, c.text, got, err)
		}
	}
}

func TestExpressionsThatAreNoneAreRefused(t *testing.T) {
	for _, c := range [][2]string{{"(", ""}, {"a", "x"}, {"a", "ii"}, {strings.Repeat("a", maxPatternBytes+1), ""}} {
		if _, err := compile(c[0], c[1]); err == nil {
			t.Errorf("/%.20s/%s was taken", c[0], c[1])
		}
	}
}

func TestAnExpressionThatWouldTakeForEverIsGivenUp(t *testing.T) {
	p, err := compile(`^(a+)+$`, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.matches(strings.Repeat("a", 40) + "b"); err == nil {
		t.Fatal("it came to an end")
	}
}

func FuzzRegex(f *testing.F) {
	f.Add(`(?<n>a|b)+?\k<n>$`, "gi", "ab")
	f.Add(`[\d-\w]{2,}`, "u", "a1")
	f.Add(strings.Repeat("(", 2000), "", "x")
	f.Fuzz(func(t *testing.T, source, flags, text string) {
		if len(source) > 2048 || strings.Count(source, "+")+strings.Count(source, "*")+strings.Count(source, "{") > 4 || len(text) > 32 {
			return // backtracking for a second is not a failure
		}
		if p, err := compile(source, flags); err == nil {
			_, _ = p.matches(text)
		}
	})
}

func TestDeeplyNestedExpressionsAreNoDanger(t *testing.T) {
	const depth = maxPatternBytes / 2
	source := strings.Repeat("(", depth) + strings.Repeat(")", depth)
	if p, err := compile(source, ""); err == nil {
		_, _ = p.matches("x")
	}
	_, _ = compile(strings.Repeat("(?:", maxPatternBytes/3), "")
	_, _ = compile(strings.Repeat("[", maxPatternBytes), "")
}
