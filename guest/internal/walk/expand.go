package walk

import (
	"context"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/workdir"
)

// maxMatches limits the matches in memory: those of one segment are sorted and deduplicated before the next.
const maxMatches = 250_000

var separators = regexp.MustCompile("/+")

// expansion carries the options of one expandGlob. It follows std/fs/expand_glob.ts.
type expansion struct {
	ctx            context.Context
	options        globOptions
	exclude        patterns
	followSymlinks bool
	canonicalize   bool
}

// ExpandGlob visits the paths that match a glob, sorted.
func ExpandGlob(ctx context.Context, p contract.GlobParams, visit Visit) error {
	e := &expansion{
		ctx: ctx,
		options: globOptions{
			extended:        orDefault(p.Extended, true),
			globstar:        orDefault(p.Globstar, true),
			caseInsensitive: orDefault(p.CaseInsensitive, false),
		},
		followSymlinks: orDefault(p.FollowSymlinks, false),
		canonicalize:   orDefault(p.Canonicalize, true),
	}
	root, err := rootOf(p)
	if err != nil {
		return err
	}
	if err := e.compileExclude(root, p.Exclude); err != nil {
		return err
	}
	matches, err := e.expand(root, p.Glob)
	if err != nil {
		return err
	}
	onlyDirectories := strings.HasSuffix(p.Glob, "/")
	for _, match := range matches {
		if (onlyDirectories && !match.IsDirectory) || (match.IsDirectory && !orDefault(p.IncludeDirs, true)) {
			continue
		}
		if err := visit(match); err != nil {
			return err
		}
	}
	return nil
}

// rootOf returns the directory that a relative glob and the exclusions start from.
func rootOf(p contract.GlobParams) (string, error) {
	if strings.HasPrefix(p.Glob, "/") && p.Root == nil {
		return "/", nil
	}
	if p.Root != nil && strings.HasPrefix(*p.Root, "/") {
		return path.Clean(*p.Root), nil
	}
	if err := workdir.Enter(""); err != nil {
		return "", err
	}
	home, err := os.Getwd()
	if err != nil || p.Root == nil {
		return home, err
	}
	return resolve(home, *p.Root), nil
}

// resolve is std/path's resolve.
func resolve(from, to string) string {
	if strings.HasPrefix(to, "/") {
		return path.Clean(to)
	}
	return path.Join(from, to)
}

func (e *expansion) compileExclude(root string, globs []string) error {
	if len(globs) > maxPatterns {
		return fault.TypeError("More than %d globs to exclude", maxPatterns)
	}
	for _, glob := range globs {
		p, err := compileGlob(resolve(root, glob), e.options)
		if err != nil {
			return err
		}
		e.exclude = append(e.exclude, p)
	}
	return nil
}

// expand matches the glob segment by segment.
func (e *expansion) expand(root, glob string) ([]contract.WalkEntry, error) {
	fixed := root
	if strings.HasPrefix(glob, "/") {
		fixed = "/"
	}
	segments := separators.Split(strings.TrimSuffix(strings.TrimPrefix(glob, "/"), "/"), -1)
	for len(segments) > 0 && !isGlob(segments[0]) {
		fixed = path.Join(fixed, segments[0])
		segments = segments[1:]
	}
	first, err := describe(fixed)
	if err != nil {
		if fault.From(err).Class == "NotFound" {
			return nil, nil
		}
		return nil, err
	}
	matches := []contract.WalkEntry{first}
	for _, segment := range segments {
		found := map[string]contract.WalkEntry{}
		for _, match := range matches {
			if err := e.advance(match, segment, found); err != nil {
				return nil, err
			}
		}
		matches = sorted(found)
	}
	return matches, nil
}

func sorted(found map[string]contract.WalkEntry) []contract.WalkEntry {
	matches := make([]contract.WalkEntry, 0, len(found))
	for _, entry := range found {
		matches = append(matches, entry)
	}
	slices.SortFunc(matches, func(a, b contract.WalkEntry) int { return strings.Compare(a.Path, b.Path) })
	return matches
}

// advance adds what a segment matches below one directory.
func (e *expansion) advance(from contract.WalkEntry, segment string, found map[string]contract.WalkEntry) error {
	if !from.IsDirectory {
		return nil
	}
	add := func(entry contract.WalkEntry) error {
		found[entry.Path] = entry
		if len(found) > maxMatches {
			return fault.WithCode("Error", "E2BIG", "More than %d matches: use walk", maxMatches)
		}
		return nil
	}
	switch segment {
	case "..":
		parent := path.Join(from.Path, "..")
		excluded, err := e.exclude.anyMatches(parent)
		if excluded || err != nil {
			return err
		}
		entry, err := describe(parent)
		if err != nil {
			return err
		}
		return add(entry)
	case "**":
		depth := everything
		if !e.options.globstar {
			depth = 1
		}
		return e.walker(e.canonicalize, add).from(from.Path, depth)
	}
	names, err := compileGlob(segment, e.options)
	if err != nil {
		return err
	}
	return e.walker(true, func(entry contract.WalkEntry) error {
		if entry.Path == from.Path {
			return nil
		}
		matched, err := names.matches(entry.Name)
		if !matched || err != nil {
			return err
		}
		return add(entry)
	}).from(from.Path, 1)
}

// everything is deeper than any path.
const everything = 1e9

func (e *expansion) walker(canonicalize bool, visit Visit) *walker {
	return &walker{
		ctx: e.ctx, visit: visit, skip: e.exclude, followSymlinks: e.followSymlinks, canonicalize: canonicalize,
		includeFiles: true, includeDirs: true, includeSymlinks: true,
	}
}
