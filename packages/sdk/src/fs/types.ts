/** How {@linkcode SandboxFs.readFile} and {@linkcode SandboxFs.readTextFile} read. */
export interface ReadFileOptions {
  /** Stops reading when aborted; the promise then rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/** How {@linkcode SandboxFs.writeFile} and {@linkcode SandboxFs.writeTextFile} write. */
export interface WriteFileOptions {
  /**
   * Append to the file instead of replacing its content.
   *
   * @default {false}
   */
  append?: boolean;
  /**
   * Create the file if it does not exist.
   *
   * @default {true}
   */
  create?: boolean;
  /**
   * Create the file, and fail with `AlreadyExists` if anything with this name exists. Takes precedence over `create`.
   *
   * @default {false}
   */
  createNew?: boolean;
  /** Permissions of the file, such as `0o755`. */
  mode?: number;
  /** Stops writing when aborted; the promise then rejects with an `AbortError`, and the file may be incomplete. */
  signal?: AbortSignal;
}

/** How {@linkcode SandboxFs.mkdir} creates a directory. */
export interface MkdirOptions {
  /** Create missing parents too, and accept an existing directory. */
  recursive?: boolean;
  /** Permissions before the umask; `0o777` by default. */
  mode?: number;
}

/** How {@linkcode SandboxFs.remove} removes. */
export interface RemoveOptions {
  /**
   * Remove a directory with everything in it.
   *
   * @default {false}
   */
  recursive?: boolean;
}

/** Where a temporary file or directory is created, and how its random name starts and ends. */
export interface TempOptions {
  /** Directory to create it in; `/tmp` by default. */
  dir?: string;
  /** Prefix of the name. */
  prefix?: string;
  /** Suffix of the name. */
  suffix?: string;
}

/** How {@linkcode SandboxFs.open} opens a file: for reading, unless something is set. */
export interface OpenOptions {
  /**
   * Open for reading.
   *
   * @default {true}
   */
  read?: boolean;
  /**
   * Open for writing; existing content is overwritten.
   *
   * @default {false}
   */
  write?: boolean;
  /**
   * Open for appending.
   *
   * @default {false}
   */
  append?: boolean;
  /**
   * Empty the file first. Requires `write`.
   *
   * @default {false}
   */
  truncate?: boolean;
  /**
   * Create the file if it does not exist. Requires `write` or `append`.
   *
   * @default {false}
   */
  create?: boolean;
  /**
   * Create the file, and fail with `AlreadyExists` if anything with this name exists. Requires `write` or `append`; takes
   * precedence over `create` and `truncate`.
   *
   * @default {false}
   */
  createNew?: boolean;
  /** Permissions of a new file, before the umask; `0o666` by default. */
  mode?: number;
}

/** An entry of a directory. At most one of the three kinds is true. */
export interface DirEntry {
  /** Its name, without the directory. */
  name: string;
  /** Whether it is a regular file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link. */
  isSymlink: boolean;
}

/** What {@linkcode SandboxFs.walk} and {@linkcode SandboxFs.expandGlob} find. */
export interface WalkEntry extends DirEntry {
  /** Its path, starting with the path that was walked. */
  path: string;
}

/** Which entries {@linkcode SandboxFs.walk} lists. */
export interface WalkOptions {
  /**
   * How many levels to descend; 0 lists only the root.
   *
   * @default {Infinity}
   */
  maxDepth?: number;
  /**
   * List files.
   *
   * @default {true}
   */
  includeFiles?: boolean;
  /**
   * List directories.
   *
   * @default {true}
   */
  includeDirs?: boolean;
  /**
   * List symbolic links. Has no effect when they are followed.
   *
   * @default {true}
   */
  includeSymlinks?: boolean;
  /**
   * List the targets of symbolic links instead.
   *
   * @default {false}
   */
  followSymlinks?: boolean;
  /**
   * With `followSymlinks`, list the real paths of the targets.
   *
   * @default {true}
   */
  canonicalize?: boolean;
  /** Only files whose name ends with one of these, such as `".ts"`. */
  exts?: string[];
  /** Only entries whose path matches one of these. */
  match?: RegExp[];
  /** Leave out entries whose path matches one of these, and everything below such directories. */
  skip?: RegExp[];
}

/** How {@linkcode SandboxFs.expandGlob} interprets a pattern, and what it lists. */
export interface ExpandGlobOptions {
  /**
   * Directory to which the pattern is relative.
   *
   * @default {"/home/app"}
   */
  root?: string;
  /** Patterns for what to leave out. */
  exclude?: string[];
  /**
   * List directories.
   *
   * @default {true}
   */
  includeDirs?: boolean;
  /**
   * Descend into directories that symbolic links point to.
   *
   * @default {false}
   */
  followSymlinks?: boolean;
  /**
   * With `followSymlinks`, list the real paths of the targets.
   *
   * @default {true}
   */
  canonicalize?: boolean;
  /**
   * Interpret `?(a|b)`, `+(a|b)`, `*(a|b)`, `@(a|b)` and `!(a|b)`.
   *
   * @default {true}
   */
  extended?: boolean;
  /**
   * Let `**` match any number of directories. Otherwise it is the same as `*`.
   *
   * @default {true}
   */
  globstar?: boolean;
  /**
   * Ignore case.
   *
   * @default {false}
   */
  caseInsensitive?: boolean;
}

/** Metadata of a file. At most one of `isFile`, `isDirectory` and `isSymlink` is true. */
export interface FileInfo {
  /** Whether it is a regular file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link; only {@linkcode SandboxFs.lstat} reports those. */
  isSymlink: boolean;
  /** Its size, in bytes. */
  size: number;
  /** When its content was last modified. */
  mtime: Date;
  /** When it was last read, if the file system records that. */
  atime: Date;
  /** When it was created. */
  birthtime: Date;
  /** When its content or metadata was last changed. */
  ctime: Date;
  /** Id of its device. */
  dev: number;
  /** Number of its inode. */
  ino: number;
  /** The raw `st_mode`: its type and permissions. `mode & 0o777` are the permissions. */
  mode: number;
  /** Number of its hard links. */
  nlink: number;
  /** Id of the user who owns it. */
  uid: number;
  /** Id of the group that owns it. */
  gid: number;
  /** Id of the device that it represents, if it is a device. */
  rdev: number;
  /** Block size for efficient reading and writing, in bytes. */
  blksize: number;
  /** Disk space that it uses, in blocks of 512 bytes. */
  blocks: number;
  /** Whether it is a block device. */
  isBlockDevice: boolean;
  /** Whether it is a character device. */
  isCharDevice: boolean;
  /** Whether it is a named pipe. */
  isFifo: boolean;
  /** Whether it is a socket. */
  isSocket: boolean;
}
