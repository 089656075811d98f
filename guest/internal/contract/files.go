package contract

// FileInfo is the metadata of a file; times are ISO 8601 strings.
type FileInfo struct {
	IsFile        bool   `json:"isFile"`
	IsDirectory   bool   `json:"isDirectory"`
	IsSymlink     bool   `json:"isSymlink"`
	IsBlockDevice bool   `json:"isBlockDevice"`
	IsCharDevice  bool   `json:"isCharDevice"`
	IsFifo        bool   `json:"isFifo"`
	IsSocket      bool   `json:"isSocket"`
	Size          int64  `json:"size"`
	Mode          uint32 `json:"mode"`
	Dev           uint64 `json:"dev"`
	Ino           uint64 `json:"ino"`
	Nlink         uint64 `json:"nlink"`
	UID           uint32 `json:"uid"`
	GID           uint32 `json:"gid"`
	Rdev          uint64 `json:"rdev"`
	Blksize       uint32 `json:"blksize"`
	Blocks        uint64 `json:"blocks"`
	Mtime         string `json:"mtime"`
	Atime         string `json:"atime"`
	Birthtime     string `json:"birthtime"`
	Ctime         string `json:"ctime"`
}

// DirEntry is one entry of a directory.
type DirEntry struct {
	Name        string `json:"name"`
	IsFile      bool   `json:"isFile"`
	IsDirectory bool   `json:"isDirectory"`
	IsSymlink   bool   `json:"isSymlink"`
}

// WalkEntry is one line of a walk or expandGlob stream.
type WalkEntry struct {
	DirEntry
	Path string `json:"path"`
}

// Regex is a JavaScript regular expression: source and flags.
type Regex struct {
	Source string `json:"source"`
	Flags  string `json:"flags"`
}

// WalkParams are the options of Deno's std/fs walk; nil means its default.
type WalkParams struct {
	Path            string   `json:"path"`
	MaxDepth        *float64 `json:"maxDepth"`
	IncludeFiles    *bool    `json:"includeFiles"`
	IncludeDirs     *bool    `json:"includeDirs"`
	IncludeSymlinks *bool    `json:"includeSymlinks"`
	FollowSymlinks  *bool    `json:"followSymlinks"`
	Canonicalize    *bool    `json:"canonicalize"`
	Exts            []string `json:"exts"`
	Match           []Regex  `json:"match"`
	Skip            []Regex  `json:"skip"`
}

// GlobParams are the options of Deno's std/fs expandGlob; nil means its default.
type GlobParams struct {
	Glob            string   `json:"glob"`
	Root            *string  `json:"root"`
	Exclude         []string `json:"exclude"`
	IncludeDirs     *bool    `json:"includeDirs"`
	Extended        *bool    `json:"extended"`
	Globstar        *bool    `json:"globstar"`
	CaseInsensitive *bool    `json:"caseInsensitive"`
	FollowSymlinks  *bool    `json:"followSymlinks"`
	Canonicalize    *bool    `json:"canonicalize"`
}

// PathParams and the types below are the params of the file calls.
type (
	PathParams struct {
		Path string `json:"path"`
	}
	RemoveParams struct {
		Path      string `json:"path"`
		Recursive bool   `json:"recursive"`
	}
	MkdirParams struct {
		Path      string  `json:"path"`
		Recursive bool    `json:"recursive"`
		Mode      *uint32 `json:"mode"`
	}
	RenameParams struct {
		OldPath string `json:"oldPath"`
		NewPath string `json:"newPath"`
	}
	ChmodParams struct {
		Path string `json:"path"`
		Mode uint32 `json:"mode"`
	}
	ChownParams struct {
		Path string  `json:"path"`
		UID  *uint32 `json:"uid"`
		GID  *uint32 `json:"gid"`
	}
	CopyParams struct {
		FromPath string `json:"fromPath"`
		ToPath   string `json:"toPath"`
	}
	LinkParams struct {
		Target string `json:"target"`
		Path   string `json:"path"`
	}
	TempParams struct {
		Dir    string `json:"dir"`
		Prefix string `json:"prefix"`
		Suffix string `json:"suffix"`
	}
	TruncateParams struct {
		Path   string `json:"path"`
		Length int64  `json:"length"`
	}
	UmaskParams struct {
		Mask *uint32 `json:"mask"`
	}
	// UtimeParams hold milliseconds since 1970, possibly fractional.
	UtimeParams struct {
		Path    string  `json:"path"`
		AtimeMs float64 `json:"atimeMs"`
		MtimeMs float64 `json:"mtimeMs"`
	}
	OpenParams struct {
		Path      string  `json:"path"`
		Read      bool    `json:"read"`
		Write     bool    `json:"write"`
		Append    bool    `json:"append"`
		Truncate  bool    `json:"truncate"`
		Create    bool    `json:"create"`
		CreateNew bool    `json:"createNew"`
		Mode      *uint32 `json:"mode"`
	}
	WriteFileParams struct {
		Path      string  `json:"path"`
		Append    bool    `json:"append"`
		Create    *bool   `json:"create"`
		CreateNew bool    `json:"createNew"`
		Mode      *uint32 `json:"mode"`
	}
	// FileSize is the head of readFile.
	FileSize struct {
		Size int64 `json:"size"`
	}
	// TreeWritten is the head of writeTree: the number of regular files and their total bytes.
	TreeWritten struct {
		Files int64 `json:"files"`
		Bytes int64 `json:"bytes"`
	}
)

// Handle names an open file of the connection; the types below are the params of the handle's methods.
type (
	Handle struct {
		Handle int64 `json:"handle"`
	}
	LockParams struct {
		Handle
		Exclusive bool `json:"exclusive"`
	}
	SeekParams struct {
		Handle
		// Offset is a decimal string.
		Offset string `json:"offset"`
		Whence int    `json:"whence"`
	}
	Position struct {
		Position int64 `json:"position"`
	}
	HandleTruncateParams struct {
		Handle
		Length int64 `json:"length"`
	}
	HandleUtimeParams struct {
		Handle
		AtimeMs float64 `json:"atimeMs"`
		MtimeMs float64 `json:"mtimeMs"`
	}
	ReadParams struct {
		Handle
		Length int64 `json:"length"`
	}
	Written struct {
		BytesWritten int64 `json:"bytesWritten"`
	}
)
