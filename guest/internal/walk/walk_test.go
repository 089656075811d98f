package walk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
)

// newTree creates files; names that end with a slash are directories, "a -> b" is a symbolic link.
func newTree(t *testing.T, names ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		name, target, link := strings.Cut(name, " -> ")
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// changeTo changes the current directory for the rest of the test.
func changeTo(t *testing.T, directory string) {
	t.Helper()
	before, err := os.Getwd()
	if err == nil {
		err = os.Chdir(directory)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chdir(before) })
}

func yes(b bool) *bool { return &b }

// walked lists what a walk visits, relative to the root and sorted, directories with a slash and links with an "@".
func walked(t *testing.T, root string, p contract.WalkParams) []string {
	t.Helper()
	if p.Path == "" {
		p.Path = root
	}
	var found []string
	err := Walk(context.Background(), p, func(entry contract.WalkEntry) error {
		found = append(found, mark(root, entry))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func mark(root string, entry contract.WalkEntry) string {
	name := strings.TrimPrefix(strings.TrimPrefix(entry.Path, root), "/")
	if entry.IsDirectory {
		name += "/"
	}
	if entry.IsSymlink {
		name += "@"
	}
	return name
}

func wantList(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%q instead of %q", got, want)
	}
}

func TestWalkVisitsTheRootFirstAndEverything(t *testing.T) {
	root := newTree(t, "a.ts", "sub/b.ts", "sub/deep/c", "empty/", "link -> a.ts")
	var first string
	err := Walk(context.Background(), contract.WalkParams{Path: root}, func(entry contract.WalkEntry) error {
		if first == "" {
			first = entry.Path + " " + entry.Name
		}
		return nil
	})
	if err != nil || first != root+" "+filepath.Base(root) {
		t.Fatal(first, err)
	}
	wantList(t, walked(t, root, contract.WalkParams{}), "/", "a.ts", "empty/", "link@", "sub/", "sub/b.ts", "sub/deep/", "sub/deep/c")
}

func TestWalkFilters(t *testing.T) {
	root := newTree(t, "a.ts", "b.js", "sub/c.ts", "skipped/d.ts", "link -> a.ts")
	one, negative := 1.0, -1.0
	regex := func(source string) []contract.Regex { return []contract.Regex{{Source: source}} }
	for _, c := range []struct {
		params contract.WalkParams
		want   []string
	}{
		{contract.WalkParams{IncludeDirs: yes(false)}, []string{"a.ts", "b.js", "link@", "skipped/d.ts", "sub/c.ts"}},
		{contract.WalkParams{IncludeFiles: yes(false), IncludeSymlinks: yes(false)}, []string{"/", "skipped/", "sub/"}},
		{contract.WalkParams{MaxDepth: &one}, []string{"/", "a.ts", "b.js", "link@", "skipped/", "sub/"}},
		{contract.WalkParams{MaxDepth: &negative}, nil},
		{contract.WalkParams{Exts: []string{"ts"}}, []string{"a.ts", "skipped/d.ts", "sub/c.ts"}},
		{contract.WalkParams{Exts: []string{".js", ".ts"}, Skip: regex(`/skipped$`)}, []string{"a.ts", "b.js", "sub/c.ts"}},
		{contract.WalkParams{Match: regex(`sub`)}, []string{"sub/", "sub/c.ts"}},
		{contract.WalkParams{Match: []contract.Regex{}}, nil},
	} {
		wantList(t, walked(t, root, c.params), c.want...)
	}
}

func TestWalkFollowsLinksOnlyWhenAsked(t *testing.T) {
	root := newTree(t, "real/file", "dir -> real", "file -> real/file")
	wantList(t, walked(t, root, contract.WalkParams{}), "/", "dir@", "file@", "real/", "real/file")
	wantList(t, walked(t, root, contract.WalkParams{FollowSymlinks: yes(true), Canonicalize: yes(false)}),
		"/", "dir/", "dir/file", "file@", "real/", "real/file")
	wantList(t, walked(t, root, contract.WalkParams{FollowSymlinks: yes(true)}),
		"/", "real/", "real/", "real/file", "real/file", "real/file@")
}

func TestWalkDoesNotGoRoundInCircles(t *testing.T) {
	root := newTree(t, "a/b/up -> ../..", "a/self -> .")
	for _, canonicalize := range []bool{false, true} {
		found := walked(t, root, contract.WalkParams{FollowSymlinks: yes(true), Canonicalize: &canonicalize})
		if len(found) > 10 {
			t.Fatalf("%d entries", len(found))
		}
	}
}

func TestWalkOfRelativePathsGivesRelativePaths(t *testing.T) {
	root := newTree(t, "sub/file")
	changeTo(t, root)
	wantList(t, walked(t, "", contract.WalkParams{Path: "."}), "./", "sub/", "sub/file")
	wantList(t, walked(t, "", contract.WalkParams{Path: "./sub"}), "sub/", "sub/file")
}

func TestWalkLeavesOutNamesThatAreNotUTF8(t *testing.T) {
	root := newTree(t, "a", "\xff/below", "b\xc3", "c/d")
	wantList(t, walked(t, root, contract.WalkParams{}), "/", "a", "c/", "c/d")
	wantList(t, expanded(t, root, contract.GlobParams{Glob: "*", Root: &root}), "a", "c/")
}

func TestWalkFailsAsDenoDoes(t *testing.T) {
	visitNothing := func(contract.WalkEntry) error { return nil }
	err := Walk(context.Background(), contract.WalkParams{Path: "/no/such/place"}, visitNothing)
	if err == nil || err.Error() != "No such file or directory (os error 2): stat '/no/such/place'" {
		t.Fatal(err)
	}
	err = Walk(context.Background(), contract.WalkParams{Path: "/", Match: []contract.Regex{{Source: "("}}}, visitNothing)
	var f *fault.Fault
	if !errors.As(err, &f) || f.Class != "SyntaxError" {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Walk(cancelled, contract.WalkParams{Path: "/"}, visitNothing); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err = Walk(context.Background(), contract.WalkParams{Path: "/"}, func(contract.WalkEntry) error { return enough })
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Fatal(err)
	}
}

func expanded(t *testing.T, root string, p contract.GlobParams) []string {
	t.Helper()
	if p.Root == nil && !strings.HasPrefix(p.Glob, "/") {
		p.Root = &root
	}
	var found []string
	err := ExpandGlob(context.Background(), p, func(entry contract.WalkEntry) error {
		found = append(found, mark(root, entry))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestExpandGlob(t *testing.T) {
	root := newTree(t, "a.ts", "b.TS", "c.js", "sub/d.ts", "sub/deep/e.ts", "sub/deep/f", "other/g.ts", "link -> sub")
	for _, c := range []struct {
		params contract.GlobParams
		want   []string
	}{
		{contract.GlobParams{Glob: "*.ts"}, []string{"a.ts"}},
		{contract.GlobParams{Glob: "*.ts", CaseInsensitive: yes(true)}, []string{"a.ts", "b.TS"}},
		{contract.GlobParams{Glob: "**/*.ts"}, []string{"a.ts", "other/g.ts", "sub/d.ts", "sub/deep/e.ts"}},
		{contract.GlobParams{Glob: "**/*.ts", Exclude: []string{"sub/**"}}, []string{"a.ts", "other/g.ts"}},
		{contract.GlobParams{Glob: "sub/**"}, []string{"sub/", "sub/d.ts", "sub/deep/", "sub/deep/e.ts", "sub/deep/f"}},
		{contract.GlobParams{Glob: "sub/**", IncludeDirs: yes(false)}, []string{"sub/d.ts", "sub/deep/e.ts", "sub/deep/f"}},
		{contract.GlobParams{Glob: "*/"}, []string{"other/", "sub/"}},
		{contract.GlobParams{Glob: "{a,c}.*s"}, []string{"a.ts", "c.js"}},
		{contract.GlobParams{Glob: "sub/d*/../*.ts"}, []string{"sub/d.ts"}},
		{contract.GlobParams{Glob: "sub/deep/f"}, []string{"sub/deep/f"}},
		{contract.GlobParams{Glob: "missing/*"}, nil},
		{contract.GlobParams{Glob: "a.ts/*"}, nil},
		// As in std, a followed link has the name of its target.
		{contract.GlobParams{Glob: "l*k/*", FollowSymlinks: yes(true)}, nil},
		{contract.GlobParams{Glob: "s*b/d*", FollowSymlinks: yes(true)}, []string{"sub/d.ts", "sub/deep/"}},
		{contract.GlobParams{Glob: "**", Globstar: yes(false)}, []string{"/", "a.ts", "b.TS", "c.js", "link@", "other/", "sub/"}},
		{contract.GlobParams{Glob: root + "/s?b/d.ts"}, []string{"sub/d.ts"}},
		{contract.GlobParams{Glob: ""}, []string{"/"}},
	} {
		got := expanded(t, root, c.params)
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q instead of %q", c.params.Glob, got, c.want)
		}
	}
}

func TestExpandGlobStartsFromTheWorkingDirectory(t *testing.T) {
	root := newTree(t, "sub/file")
	changeTo(t, root)
	relative := "sub"
	wantList(t, expanded(t, root, contract.GlobParams{Glob: "f*", Root: &relative}), "sub/file")
	var found []string
	err := ExpandGlob(context.Background(), contract.GlobParams{Glob: "*/file"}, func(entry contract.WalkEntry) error {
		found = append(found, entry.Path)
		return nil
	})
	if err != nil || !slices.Equal(found, []string{root + "/sub/file"}) {
		t.Fatal(found, err)
	}
}

func TestWalkVisitsMoreThanOneBatchOfADirectory(t *testing.T) {
	root := newTree(t)
	const many = 1100 // the kernel returns entries in batches of 1024
	for i := range many {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", root, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found := walked(t, root, contract.WalkParams{IncludeDirs: yes(false)}); len(found) != many {
		t.Fatal(len(found))
	}
}
