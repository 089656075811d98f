package archive

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sandkeep.dev/guest/internal/fault"
	"sandkeep.dev/guest/internal/files"
)

const (
	// batch is how many names are read from the kernel at a time.
	batch = 1024
	// maxSkipped limits how many missing entries the archive reports; a longer list would help nobody.
	maxSkipped = 100
	// SkippedRecord is the pax record, in a global header, that names a missing entry and the reason.
	SkippedRecord = "SANDKEEP.skipped"
)

// Skipped is an entry missing from an archive.
type Skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Pack writes the archive of a directory to out. It calls begin once the directory is open, so that an earlier failure
// leaves no partial archive.
func Pack(ctx context.Context, path string, begin func() error, out io.Writer) error {
	if err := files.CheckPath(path); err != nil {
		return err
	}
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_DIRECTORY)
	if err != nil {
		return fault.Path(err, "readdir", path)
	}
	if err := begin(); err != nil {
		unix.Close(fd)
		return err
	}
	buffered := bufio.NewWriterSize(out, files.BufferBytes)
	p := &packer{ctx: ctx, path: path, tar: tar.NewWriter(buffered)}
	if err := p.directory(fd, root, ""); err != nil {
		return err
	}
	if err := p.tar.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

type packer struct {
	ctx     context.Context
	path    string
	tar     *tar.Writer
	depth   int
	skipped int
}

// directory writes an open directory and its contents, and closes it. prefix precedes the names in it.
func (p *packer) directory(fd int, name, prefix string) error {
	at := os.NewFile(uintptr(fd), name)
	defer at.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fault.Path(err, "readdir", join(p.path, prefix))
	}
	if p.depth++; p.depth > maxDepth {
		return tooDeep(join(p.path, prefix))
	}
	defer func() { p.depth-- }()
	if err := p.header(tar.TypeDir, name, &stat, ""); err != nil {
		return err
	}
	for {
		entries, err := at.ReadDir(batch)
		for _, entry := range entries {
			if err := p.ctx.Err(); err != nil {
				return err
			}
			if err := p.entry(fd, entry, prefix+entry.Name()); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.Path(fault.ErrnoOf(err), "readdir", join(p.path, prefix))
		}
	}
}

// entry writes the named entry of an open directory. The guest may change it meanwhile: its type when opened counts,
// and an entry that has disappeared is skipped.
func (p *packer) entry(directory int, entry os.DirEntry, name string) error {
	switch kind := entry.Type(); {
	case kind.IsDir():
		fd, err := openAt(directory, entry.Name(), unix.O_DIRECTORY)
		if err != nil {
			return p.missing(err, "readdir", name)
		}
		return p.directory(fd, name+"/", name+"/")
	case kind.IsRegular():
		fd, err := openAt(directory, entry.Name(), 0)
		if err != nil {
			return p.missing(err, "readfile", name)
		}
		defer unix.Close(fd)
		return p.file(fd, name)
	case kind&os.ModeSymlink != 0:
		return p.link(directory, entry.Name(), name)
	}
	return p.skip(name, "neither a file nor a directory nor a link")
}

func (p *packer) file(fd int, name string) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fault.Path(err, "readfile", join(p.path, name))
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return p.skip(name, "it was replaced while the directory was read")
	}
	if err := p.header(tar.TypeReg, name, &stat, ""); err != nil {
		return err
	}
	// The archive holds as many bytes as the file had at first, even if it grows meanwhile.
	buffer := files.Buffer()
	defer files.Release(buffer)
	for left := stat.Size; left > 0; {
		n, err := files.ReadFd(fd, (*buffer)[:min(left, int64(len(*buffer)))])
		if err == io.EOF {
			return fault.WithCode("Error", "EIO", "%s: the file became shorter while it was read: readfile '%s'", fault.Text(unix.EIO), join(p.path, name))
		}
		if err != nil {
			return fault.Path(err, "readfile", join(p.path, name))
		}
		if _, err := p.tar.Write((*buffer)[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

func (p *packer) link(directory int, base, name string) error {
	var stat unix.Stat_t
	if err := unix.Fstatat(directory, base, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return p.missing(err, "lstat", name)
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(directory, base, text)
	if err != nil {
		return p.missing(err, "readlink", name)
	}
	return p.header(tar.TypeSymlink, name, &stat, string(text[:n]))
}

func (p *packer) header(kind byte, name string, stat *unix.Stat_t, text string) error {
	header := &tar.Header{
		Format:   tar.FormatPAX,
		Typeflag: kind,
		Name:     name,
		Linkname: text,
		Mode:     int64(stat.Mode & permissions),
		ModTime:  time.Unix(stat.Mtim.Unix()),
	}
	if kind == tar.TypeReg {
		header.Size = stat.Size
	}
	return p.tar.WriteHeader(header)
}

// missing skips an entry that disappeared after its name was read; any other error ends the archive.
func (p *packer) missing(err error, operation, name string) error {
	switch err {
	case unix.ENOENT, unix.ELOOP, unix.ENOTDIR, unix.EINVAL, unix.ENXIO:
		return p.skip(name, "it went away while the directory was read")
	}
	return fault.Path(err, operation, join(p.path, name))
}

func (p *packer) skip(name, reason string) error {
	if p.skipped++; p.skipped > maxSkipped {
		return nil
	}
	record, err := json.Marshal(Skipped{Path: name, Reason: reason})
	if err != nil {
		return err
	}
	return p.tar.WriteHeader(&tar.Header{
		Format:     tar.FormatPAX,
		Typeflag:   tar.TypeXGlobalHeader,
		PAXRecords: map[string]string{SkippedRecord: string(record)},
	})
}

// openAt opens a name in a directory for reading. It does not follow a final symbolic link, except for the root's own
// path.
func openAt(directory int, name string, flags int) (fd int, err error) {
	if directory != unix.AT_FDCWD {
		flags |= unix.O_NOFOLLOW
	}
	err = retry(func() error {
		fd, err = unix.Openat(directory, name, flags|unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	return fd, err
}
