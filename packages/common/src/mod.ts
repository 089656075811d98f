/**
 * Building blocks that several packages need and that know nothing of sandboxes. What every command of the command line
 * loads (durations, process identities) has separate entries, because loading ten files takes longer than loading one.
 */
export { parseDuration } from "./duration.ts";
export { errnoOf } from "./errno.ts";
export { createFileAtomically, type WriteOptions, writeFileAtomically } from "./files/atomic-file.ts";
export { type FileLock, type LockOptions, lockFile, tryLockFile } from "./files/lock.ts";
export { readOwnFile } from "./files/own-file.ts";
export { persistentId } from "./files/persistent-id.ts";
export { syncPath } from "./files/sync.ts";
export { Gate } from "./gate.ts";
export { KeyedQueue } from "./keyed-queue.ts";
export { LineReader } from "./line-reader.ts";
export { type Logger, silentLogger, withFields } from "./logger.ts";
export { isRunning, kill, type ProcessIdentity, startTicks } from "./process-identity.ts";
export { SerialQueue } from "./serial-queue.ts";
export { settled } from "./settled.ts";
