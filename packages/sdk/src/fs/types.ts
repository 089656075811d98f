/** How {@linkcode SandboxFs.readFile} and {@linkcode SandboxFs.readTextFile} read. */
export interface ReadFileOptions {
  /** Stops reading when aborted; the promise then rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/** How {@linkcode SandboxFs.writeFile} and {@linkcode SandboxFs.writeTextFile} write. */
export interface WriteFileOptions {
  /**
   * Add to what is in the file instead of replacing it.
   *
   * @default {false}
   */
  append?: boolean;
  /**
   * Make the file if it does not exist.
   *
   * @default {true}
   */
  create?: boolean;
  /**
   * Make the file, and fail with `AlreadyExists` if anything of the name exists. Goes before `create`.
   *
   * @default {false}
   */
  createNew?: boolean;
  /** Permissions that the file is given, such as `0o755`. */
  mode?: number;
  /** Stops writing when aborted; the promise then rejects with an `AbortError`, and the file may have been written in part. */
  signal?: AbortSignal;
}

/** How {@linkcode SandboxFs.mkdir} makes a directory. */
export interface MkdirOptions {
  /** Make missing parents too, and accept a directory that exists. */
  recursive?: boolean;
  /** Permissions before the umask; `0o777` by default. */
  mode?: number;
}

/** How {@linkcode SandboxFs.remove} removes. */
export interface RemoveOptions {
  /**
   * Remove a directory with all that is in it.
   *
   * @default {false}
   */
  recursive?: boolean;
}

/** Where a temporary file or directory is made, and how its random name begins and ends. */
export interface TempOptions {
  /** Directory to make it in; `/tmp` by default. */
  dir?: string;
  /** Beginning of the name. */
  prefix?: string;
  /** End of the name. */
  suffix?: string;
}

/** How {@linkcode SandboxFs.open} opens a file. For reading, unless something is set. */
export interface OpenOptions {
  /**
   * For reading.
   *
   * @default {true}
   */
  read?: boolean;
  /**
   * For writing, over what is in it.
   *
   * @default {false}
   */
  write?: boolean;
  /**
   * For writing, after what is in it.
   *
   * @default {false}
   */
  append?: boolean;
  /**
   * Empty it first. Needs `write`.
   *
   * @default {false}
   */
  truncate?: boolean;
  /**
   * Make it if it does not exist. Needs `write` or `append`.
   *
   * @default {false}
   */
  create?: boolean;
  /**
   * Make it, and fail with `AlreadyExists` if anything of the name exists. Needs `write` or `append`; goes before `create` and
   * `truncate`.
   *
   * @default {false}
   */
  createNew?: boolean;
  /** Permissions of a file that is made, before the umask; `0o666` by default. */
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
  /** Its path, beginning with the path that was walked. */
  path: string;
}

/** Which entries {@linkcode SandboxFs.walk} gives. */
export interface WalkOptions {
  /**
   * How many directories deep; 0 is the root alone.
   *
   * @default {Infinity}
   */
  maxDepth?: number;
  /**
   * Give files.
   *
   * @default {true}
   */
  includeFiles?: boolean;
  /**
   * Give directories.
   *
   * @default {true}
   */
  includeDirs?: boolean;
  /**
   * Give symbolic links. Means nothing when they are followed.
   *
   * @default {true}
   */
  includeSymlinks?: boolean;
  /**
   * Give what symbolic links lead to instead.
   *
   * @default {false}
   */
  followSymlinks?: boolean;
  /**
   * With `followSymlinks`, give the real paths of what they lead to.
   *
   * @default {true}
   */
  canonicalize?: boolean;
  /** Only files whose name ends with one of these, such as `".ts"`. */
  exts?: string[];
  /** Only entries whose path matches one of these. */
  match?: RegExp[];
  /** No entries whose path matches one of these, and nothing below such directories. */
  skip?: RegExp[];
}

/** How {@linkcode SandboxFs.expandGlob} reads a pattern, and what it gives. */
export interface ExpandGlobOptions {
  /**
   * Directory to which the pattern is relative.
   *
   * @default {"/home/app"}
   */
  root?: string;
  /** Patterns of what to leave out. */
  exclude?: string[];
  /**
   * Give directories.
   *
   * @default {true}
   */
  includeDirs?: boolean;
  /**
   * Look into directories that symbolic links lead to.
   *
   * @default {false}
   */
  followSymlinks?: boolean;
  /**
   * With `followSymlinks`, give the real paths of what they lead to.
   *
   * @default {true}
   */
  canonicalize?: boolean;
  /**
   * Understand `?(a|b)`, `+(a|b)`, `*(a|b)`, `@(a|b)` and `!(a|b)`.
   *
   * @default {true}
   */
  extended?: boolean;
  /**
   * Let `**` stand for any number of directories. Otherwise it is `*`.
   *
   * @default {true}
   */
  globstar?: boolean;
  /**
   * Take upper and lower case for the same.
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
  /** Whether it is a symbolic link; only {@linkcode SandboxFs.lstat} sees those. */
  isSymlink: boolean;
  /** Its size, in bytes. */
  size: number;
  /** When its content was last changed. */
  mtime: Date;
  /** When it was last read, as far as the file system keeps that. */
  atime: Date;
  /** When it was made. */
  birthtime: Date;
  /** When its content or metadata was last changed. */
  ctime: Date;
  /** Id of its device. */
  dev: number;
  /** Number of its inode. */
  ino: number;
  /** The raw `st_mode`: its kind and its permissions. `mode & 0o777` are the permissions. */
  mode: number;
  /** Number of its hard links. */
  nlink: number;
  /** Id of the user who owns it. */
  uid: number;
  /** Id of the group that owns it. */
  gid: number;
  /** Id of the device that it is, if it is one. */
  rdev: number;
  /** Size of a block for efficient reading and writing, in bytes. */
  blksize: number;
  /** How much it takes up, in blocks of 512 bytes. */
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
