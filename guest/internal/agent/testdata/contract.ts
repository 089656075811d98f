/** What the guest's agent takes and gives. Written from its Go types, by a test: see contract_test.go. */

export interface AgentCalls {
  chmod: [ChmodParams, null];
  chown: [ChownParams, null];
  copyFile: [CopyParams, null];
  diskFreeze: [FreezeParams, Frozen];
  diskGrow: [GrowParams, null];
  diskMount: [MountParams, null];
  diskThaw: [SlotParam, Frozen];
  diskUnmount: [UnmountParams, null];
  enter: [Record<never, never>, null];
  envDelete: [EnvKey, null];
  envGet: [EnvKey, string | null];
  envSet: [EnvPair, null];
  envToObject: [Record<never, never>, Record<string, string>];
  fileClose: [Handle, null];
  fileLock: [LockParams, null];
  fileSeek: [SeekParams, Position];
  fileStat: [Handle, FileInfo];
  fileSync: [Handle, null];
  fileSyncData: [Handle, null];
  fileTruncate: [HandleTruncateParams, null];
  fileUnlock: [Handle, null];
  fileUtime: [HandleUtimeParams, null];
  freezeProcesses: [FreezeProcessesParams, null];
  holdSpace: [HoldSpaceParams, null];
  link: [LinkParams, null];
  lstat: [PathParams, FileInfo];
  makeTempDir: [TempParams, string];
  makeTempFile: [TempParams, string];
  mkdir: [MkdirParams, null];
  open: [OpenParams, Handle];
  ping: [Record<never, never>, Pong];
  processCloseOutput: [CloseOutputParams, null];
  processKill: [KillParams, null];
  processList: [Record<never, never>, ProcessInfo[]];
  processResize: [ResizeParams, null];
  processWait: [Pid, ExitStatus];
  quiesce: [Record<never, never>, null];
  readDir: [PathParams, DirEntry[]];
  readLink: [PathParams, string];
  realPath: [PathParams, string];
  remove: [RemoveParams, null];
  rename: [RenameParams, null];
  resume: [Identity, null];
  stat: [PathParams, FileInfo];
  symlink: [LinkParams, null];
  sync: [Record<never, never>, null];
  thawProcesses: [Record<never, never>, null];
  truncate: [TruncateParams, null];
  umask: [UmaskParams, number];
  utime: [UtimeParams, null];
  wake: [Moment, null];
}

export interface AgentStreams {
  accept: [AcceptParams, Peer];
  attach: [Pid, Pid];
  dial: [DialParams, null];
  expandGlob: [GlobParams, null];
  fetch: [FetchParams, FetchHead];
  fileRead: [ReadParams, null];
  fileWrite: [Handle, Written];
  listen: [ListenParams, Listener];
  readFile: [PathParams, FileSize];
  readTree: [PathParams, null];
  spawn: [SpawnParams, Pid];
  walk: [WalkParams, null];
  writeFile: [WriteFileParams, null];
  writeTree: [PathParams, TreeWritten];
}
export interface AcceptParams {
  listener: number;
}
export interface ChmodParams {
  path: string;
  mode: number;
}
export interface ChownParams {
  path: string;
  uid: number | null;
  gid: number | null;
}
export interface CloseOutputParams {
  pid: number;
  output: string;
}
export interface CopyParams {
  fromPath: string;
  toPath: string;
}
export interface DialParams {
  port: number;
  host: string;
  path: string;
}
export interface DirEntry {
  name: string;
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
}
export interface EnvKey {
  key: string;
}
export interface EnvPair {
  key: string;
  value: string;
}
export interface ExitStatus {
  success: boolean;
  code: number;
  signal: string | null;
  oom: string | null;
}
export interface Fault {
  constructorName: string;
  message: string;
  code?: string;
  name?: string;
}
export interface FetchHead {
  status: number;
  statusText: string;
  headers: [string, string][];
  url: string;
  hasBody: boolean;
}
export interface FetchParams {
  url: string;
  method: string;
  headers: [string, string][];
  redirect: string;
  hasBody: boolean;
  port: number;
}
export interface FileInfo {
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
  isBlockDevice: boolean;
  isCharDevice: boolean;
  isFifo: boolean;
  isSocket: boolean;
  size: number;
  mode: number;
  dev: number;
  ino: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  blksize: number;
  blocks: number;
  mtime: string;
  atime: string;
  birthtime: string;
  ctime: string;
}
export interface FileSize {
  size: number;
}
export interface FreezeParams {
  slot: number | null;
  timeoutMs: number;
}
export interface FreezeProcessesParams {
  thawAfterMs: number;
}
export interface Frozen {
  frozen: boolean;
}
export interface GlobParams {
  glob: string;
  root: string | null;
  exclude: string[];
  includeDirs: boolean | null;
  extended: boolean | null;
  globstar: boolean | null;
  caseInsensitive: boolean | null;
  followSymlinks: boolean | null;
  canonicalize: boolean | null;
}
export interface GrowParams {
  slot: number;
  bytes: number;
}
export interface Handle {
  handle: number;
}
export interface HandleTruncateParams {
  handle: number;
  length: number;
}
export interface HandleUtimeParams {
  handle: number;
  atimeMs: number;
  mtimeMs: number;
}
export interface HoldSpaceParams {
  forMs: number;
}
export interface Identity {
  unixTimeNs: string;
  entropy: string;
  hostname: string;
  machineId: string;
  env: Record<string, string>;
  caCertificates: string[];
}
export interface KillParams {
  pid: number;
  signal: string;
}
export interface LinkParams {
  target: string;
  path: string;
}
export interface ListenParams {
  port: number;
}
export interface Listener {
  listener: number;
  port: number;
}
export interface LockParams {
  handle: number;
  exclusive: boolean;
}
export interface MkdirParams {
  path: string;
  recursive: boolean;
  mode: number | null;
}
export interface Moment {
  unixTimeNs: string;
  entropy: string;
}
export interface MountParams {
  slot: number;
  mount: string;
  readOnly: boolean;
}
export interface OpenParams {
  path: string;
  read: boolean;
  write: boolean;
  append: boolean;
  truncate: boolean;
  create: boolean;
  createNew: boolean;
  mode: number | null;
}
export interface PathParams {
  path: string;
}
export interface Peer {
  host: string;
  port: number;
}
export interface Pid {
  pid: number;
}
export interface Pong {
  protocol: number;
  version: string;
}
export interface Position {
  position: number;
}
export interface ProcessInfo {
  pid: number;
  command: string;
  args: string[];
  startedAtMs: number;
  exit: ExitStatus | null;
}
export interface PtyParams {
  cols: number;
  rows: number;
  term: string;
}
export interface ReadParams {
  handle: number;
  length: number;
}
export interface Regex {
  source: string;
  flags: string;
}
export interface RemoveParams {
  path: string;
  recursive: boolean;
}
export interface RenameParams {
  oldPath: string;
  newPath: string;
}
export interface ResizeParams {
  pid: number;
  cols: number;
  rows: number;
}
export interface SeekParams {
  handle: number;
  offset: string;
  whence: number;
}
export interface SlotParam {
  slot: number | null;
}
export interface SpawnParams {
  command: string;
  args: string[];
  env: Record<string, string>;
  clearEnv: boolean;
  cwd: string;
  stdin: string;
  stdout: string;
  stderr: string;
  channel: boolean;
  socket: boolean;
  pty: PtyParams | null;
  hangUp: boolean;
}
export interface TempParams {
  dir: string;
  prefix: string;
  suffix: string;
}
export interface TreeWritten {
  files: number;
  bytes: number;
}
export interface TruncateParams {
  path: string;
  length: number;
}
export interface UmaskParams {
  mask: number | null;
}
export interface UnmountParams {
  slot: number;
  force: boolean;
}
export interface UtimeParams {
  path: string;
  atimeMs: number;
  mtimeMs: number;
}
export interface WalkEntry {
  name: string;
  isFile: boolean;
  isDirectory: boolean;
  isSymlink: boolean;
  path: string;
}
export interface WalkParams {
  path: string;
  maxDepth: number | null;
  includeFiles: boolean | null;
  includeDirs: boolean | null;
  includeSymlinks: boolean | null;
  followSymlinks: boolean | null;
  canonicalize: boolean | null;
  exts: string[];
  match: Regex[];
  skip: Regex[];
}
export interface WriteFileParams {
  path: string;
  append: boolean;
  create: boolean | null;
  createNew: boolean;
  mode: number | null;
}
export interface Written {
  bytesWritten: number;
}
