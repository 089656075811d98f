package walk

import (
	"context"
	"math"
	"path"
	"strings"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/files"
)

// Visit receives an entry; if it returns an error, the walk ends.
type Visit func(contract.WalkEntry) error

// walker carries the options of one walk. It follows std/fs/walk.ts.
type walker struct {
	ctx             context.Context
	visit           Visit
	includeFiles    bool
	includeDirs     bool
	includeSymlinks bool
	followSymlinks  bool
	canonicalize    bool
	exts            []string
	match           patterns // nil: everything matches
	skip            patterns
	// above are the directories above the current one, tracked only if symbolic links can lead back to them.
	above map[[3]uint64]bool
}

// Walk visits a directory and everything in it, the directory first.
func Walk(ctx context.Context, p contract.WalkParams, visit Visit) error {
	match, err := compileAll(p.Match)
	if err != nil {
		return err
	}
	if p.Match == nil {
		match = nil
	}
	skip, err := compileAll(p.Skip)
	if err != nil {
		return err
	}
	w := &walker{
		ctx:             ctx,
		visit:           visit,
		includeFiles:    orDefault(p.IncludeFiles, true),
		includeDirs:     orDefault(p.IncludeDirs, true),
		includeSymlinks: orDefault(p.IncludeSymlinks, true),
		followSymlinks:  orDefault(p.FollowSymlinks, false),
		canonicalize:    orDefault(p.Canonicalize, true),
		match:           match,
		skip:            skip,
	}
	if p.Exts != nil {
		w.exts = make([]string, 0, len(p.Exts))
		for _, ext := range p.Exts {
			w.exts = append(w.exts, "."+strings.TrimPrefix(ext, "."))
		}
	}
	depth := math.Inf(1)
	if p.MaxDepth != nil {
		depth = *p.MaxDepth
	}
	return w.from(p.Path, depth)
}

func orDefault(given *bool, otherwise bool) bool {
	if given == nil {
		return otherwise
	}
	return *given
}

// from walks from a root of unknown kind.
func (w *walker) from(root string, depth float64) error {
	if depth < 0 {
		return nil
	}
	entry, err := describe(root)
	if err != nil {
		return err
	}
	return w.directory(root, entry, depth)
}

// directory visits a directory (or a root that turns out not to be one) and its contents.
func (w *walker) directory(root string, entry contract.WalkEntry, depth float64) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.includeDirs {
		if err := w.offer(root, entry); err != nil {
			return err
		}
	}
	if depth < 1 {
		return nil
	}
	if skipped, err := w.skip.anyMatches(root); skipped || err != nil {
		return err
	}
	if w.followSymlinks {
		leave, again, err := w.enter(root)
		if again || err != nil {
			return err
		}
		defer leave()
	}
	err := files.EachEntry(root, func(found contract.DirEntry) error { return w.entry(root, found, depth) })
	return fault.Path(err, "readdir", root)
}

// entry visits one entry of a directory.
func (w *walker) entry(root string, found contract.DirEntry, depth float64) error {
	at := path.Join(root, found.Name)
	entry := contract.WalkEntry{Path: at, DirEntry: found}
	if found.IsSymlink {
		if !w.followSymlinks {
			if w.includeSymlinks {
				return w.offer(at, entry)
			}
			return nil
		}
		real, err := files.RealPath(at)
		if err != nil {
			return err
		}
		if w.canonicalize {
			at = real
			entry.Path = real
		}
		info, err := files.Lstat(real)
		if err != nil {
			return err
		}
		found.IsDirectory = info.IsDirectory()
	}
	if found.IsDirectory {
		if depth-1 < 0 {
			return nil
		}
		down := contract.WalkEntry{Path: at, DirEntry: contract.DirEntry{Name: path.Base(at), IsDirectory: true}}
		return w.directory(at, down, depth-1)
	}
	if w.includeFiles {
		return w.offer(at, entry)
	}
	return nil
}

// offer visits an entry unless the filters exclude its path.
func (w *walker) offer(at string, entry contract.WalkEntry) error {
	if w.exts != nil && !hasAnySuffix(at, w.exts) {
		return nil
	}
	if w.match != nil {
		if matched, err := w.match.anyMatches(at); !matched || err != nil {
			return err
		}
	}
	if skipped, err := w.skip.anyMatches(at); skipped || err != nil {
		return err
	}
	return w.visit(entry)
}

func hasAnySuffix(text string, suffixes []string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(text, suffix) {
			return true
		}
	}
	return false
}

// enter adds a directory on the way down. again means that a symbolic link has led back to a directory above, where
// std's walk would loop for ever.
func (w *walker) enter(directory string) (leave func(), again bool, err error) {
	info, err := files.Stat(directory)
	if err != nil {
		return nil, false, err
	}
	identity := info.Identity()
	if w.above[identity] {
		return nil, true, nil
	}
	if w.above == nil {
		w.above = make(map[[3]uint64]bool)
	}
	w.above[identity] = true
	return func() { delete(w.above, identity) }, false, nil
}

// describe makes the entry of a root, which may be a symbolic link.
func describe(root string) (contract.WalkEntry, error) {
	info, err := files.Stat(root)
	if err != nil {
		return contract.WalkEntry{}, err
	}
	normal := normalize(root)
	return contract.WalkEntry{Path: normal, DirEntry: contract.DirEntry{
		Name:        path.Base(normal),
		IsFile:      info.IsFile(),
		IsDirectory: info.IsDirectory(),
	}}, nil
}

// normalize is std/path's normalize: like Clean, but it keeps a trailing slash.
func normalize(name string) string {
	clean := path.Clean(name)
	if strings.HasSuffix(name, "/") && clean != "/" {
		return clean + "/"
	}
	return clean
}
