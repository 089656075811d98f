package env

import (
	"errors"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/fault"
)

func TestSetGetDelete(t *testing.T) {
	e := New(Defaults("app", "/home/app"))
	if err := e.Set("NAME", "value"); err != nil {
		t.Fatal(err)
	}
	if value, ok := e.Get("NAME"); value != "value" || !ok {
		t.Fatal(value, ok)
	}
	if e.All()["HOME"] != "/home/app" || e.All()["NAME"] != "value" {
		t.Fatal(e.All())
	}
	if err := e.Delete("NAME"); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.Get("NAME"); ok {
		t.Fatal("deleted, and still there")
	}
}

func TestNamesAndValuesThatCannotBe(t *testing.T) {
	e := New(nil)
	for _, err := range []error{e.Set("", "x"), e.Set("A=B", "x"), e.Set("A\x00", "x"), e.Set("A", "x\x00"), e.Delete("")} {
		var f *fault.Fault
		if !errors.As(err, &f) || f.Class != "TypeError" {
			t.Fatal(err)
		}
	}
}

func TestTheWholeIsBounded(t *testing.T) {
	e := New(nil)
	half := strings.Repeat("x", maxBytes/2)
	if err := e.Set("A", half); err != nil {
		t.Fatal(err)
	}
	if err := e.Set("B", half); err == nil {
		t.Fatal("grew beyond its bound")
	}
	for i := 0; i < 3; i++ { // replaced values do not count
		if err := e.Set("A", half); err != nil {
			t.Fatal(err)
		}
	}
	_ = e.Delete("A")
	if err := e.Set("B", half); err != nil {
		t.Fatal(err)
	}
}

func TestReadsTheLinesOfTheImagesFile(t *testing.T) {
	e := New(nil)
	e.AddLines("# comment\nA=1\nexport B='two words'\n C = \"3\"\nbroken\nA=\n")
	all := e.All()
	if len(all) != 3 || all["A"] != "" || all["B"] != "two words" {
		t.Fatal(all)
	}
}

func FuzzAddLines(f *testing.F) {
	f.Add("A=1\nB='x'\n")
	f.Add("=\n'=\"\nA='")
	f.Fuzz(func(t *testing.T, content string) {
		e := New(nil)
		e.AddLines(content)
		for key, value := range e.All() {
			if CheckKey(key) != nil || strings.Contains(value, "\x00") {
				t.Fatalf("%q=%q", key, value)
			}
		}
	})
}
