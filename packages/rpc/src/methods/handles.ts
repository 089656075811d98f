import type { ConnectionState } from "../connection-state.ts";
import type { Handlers } from "../handlers.ts";

/** Open files (wire-protocol §7.3). */
export const handleHandlers = {
  open: (state, { path, options }) => open(state, path, openMode(options)),
  create: (state, { path }) => open(state, path, { read: true, write: true, truncate: true, create: true }),
  async fileClose(state, { fileHandleId }) {
    const handle = state.handle(fileHandleId);
    state.removeHandle(handle);
    await handle.close();
    if (handle.bytesWritten) state.emitWritten(handle);
    return null;
  },
  fileSync: (state, { fileHandleId }) => state.handle(fileHandleId).sync("fileSync"),
  fileSyncData: (state, { fileHandleId }) => state.handle(fileHandleId).sync("fileSyncData"),
  fileLock: (state, { fileHandleId, exclusive }) => state.handle(fileHandleId).lock(exclusive ?? false, state.signal),
  fileUnlock: (state, { fileHandleId }) => state.handle(fileHandleId).unlock(),
  async fileRead(state, { fileHandleId, length }, call) {
    const handle = state.handle(fileHandleId);
    // Reading zero bytes does not mean the end of the file.
    if (length === 0) return { data: "" };
    const wanted = Math.min(length, state.limits.readBytes);
    await call.hold(wanted);
    const bytes = await handle.read(wanted);
    return { data: bytes.length ? bytes.toString("base64") : null };
  },
  async fileWrite(state, { fileHandleId, data }) {
    return { bytesWritten: await state.handle(fileHandleId).write(data) };
  },
  async fileSeek(state, { fileHandleId, offset, whence }) {
    return { position: await state.handle(fileHandleId).seek(offset, whence) };
  },
  fileStat: (state, { fileHandleId }) => state.handle(fileHandleId).stat(),
  fileTruncate: (state, { fileHandleId, len }) => state.handle(fileHandleId).truncate(len),
  fileUtime: (state, { fileHandleId, atime, mtime }) => state.handle(fileHandleId).utime(atime, mtime),
} satisfies Partial<Handlers>;

interface OpenOptions {
  read?: boolean | undefined;
  write?: boolean | undefined;
  append?: boolean | undefined;
  truncate?: boolean | undefined;
  create?: boolean | undefined;
  createNew?: boolean | undefined;
  mode?: number | undefined;
}

async function open(state: ConnectionState, path: string, options: OpenOptions): Promise<{ fileHandleId: number }> {
  state.assertRoomForHandle();
  const { handle } = await state.guest.call("open", { path, ...options });
  if (state.signal.aborted) {
    await state.guest.call("fileClose", { handle });
    throw state.signal.reason;
  }
  state.addHandle(handle, path);
  return { fileHandleId: handle };
}

/** A file is opened for reading unless other options are set. */
function openMode(options: OpenOptions = {}): OpenOptions {
  const { read, write, append, truncate, create, createNew } = options;
  const other = write || append || truncate || create || createNew;
  return { ...options, read: read ?? !other };
}
