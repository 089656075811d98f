/** The contract of a jail: what a process gets, and the command line that starts it there. */
import type { JailUser } from "./users.ts";

/**
 * `full`: namespaces and its own user, with bubblewrap. `minimal`: without namespaces, for computers where none can be
 * created.
 */
export type JailKind = "full" | "minimal";

/** Absolute paths of files that a jailed process may use. */
export interface JailFiles {
  writable: string[];
  /** Files, or whole folders. */
  readable: string[];
  /** Programs, libraries and folders of code, which have their own path in every jail. */
  code?: string[];
  /** Symbolic links to create in a full jail, with their targets. */
  links?: Record<string, string>;
}

/** Everything that a process gets. */
export interface JailPlan {
  files: JailFiles;
  /** Null if the server is not root: the process then runs as the server's user. */
  user: JailUser | null;
  /**
   * `programs`: `/usr` is visible. `bare`: only its files, `/proc` of its own processes, and `/dev/null` and
   * `/dev/urandom`.
   */
  system: "programs" | "bare";
  /** Whether the process goes on when the server ends. */
  outlivesServer?: boolean;
  /** `host`: the host's. */
  network: "none" | "host";
  /**
   * As root, the process begins with uid 0 and only the capabilities to read any file and to become its user, which it
   * must do itself: for programs whose code the user may be unable to read.
   */
  becomesUserItself?: boolean;
  /** The process's whole environment. */
  environment: Record<string, string>;
  /** Number of open files; absent: as many as the server may have. */
  openFiles?: number;
  /** Largest file that it may write, bytes. */
  fileBytes: number;
  /** What that limit may be raised to; default: the same. */
  mostFileBytes?: number;
  /** Largest address space, bytes; absent: as large as the server's may be. */
  addressSpaceBytes?: number;
  /** A seccomp filter (`seccomp/filter.ts`). The minimal jail always has another one in addition. */
  filter?: Buffer | null;
  /** The first of the jail's own descriptors. */
  firstDescriptor: number;
}

export interface Jail extends AsyncDisposable {
  /** The path inside the jail of a file that it was given. */
  name(path: string): string;
  /** The command line that runs a command in the jail. */
  wrap(command: string[]): string[];
  /** Descriptors that the command line needs, inherited from the plan's `firstDescriptor` on. */
  readonly descriptors: number[];
  /** What the command line reads to the end from pipes, on the descriptors after {@link descriptors}. */
  readonly inputs: Buffer[];
  /**
   * Whether descriptor {@link REPORT_FD} receives JSON with the process's pid; otherwise the pid is that of the command
   * line itself.
   */
  readonly reportsPid: boolean;
}

/** Where the jail reports the process's pid. */
export const REPORT_FD = 3;

/** The plan's limits, as the beginning of a command line. */
export function limited({ openFiles, fileBytes, mostFileBytes = fileBytes, addressSpaceBytes }: JailPlan): string[] {
  const files = openFiles === undefined ? [] : [`--nofile=${openFiles}`];
  const memory = addressSpaceBytes === undefined ? [] : [`--as=${addressSpaceBytes}`];
  return ["prlimit", "--core=0", ...files, ...memory, `--fsize=${fileBytes}:${mostFileBytes}`];
}
