import type { Client, Handlers } from "../connection-state.ts";

/** Open files (wire-protocol §7.3). */
export const handleHandlers = {
  open: (client, { path, options }) => open(client, path, openMode(options)),
  create: (client, { path }) => open(client, path, { read: true, write: true, truncate: true, create: true }),
  async fileClose(client, { fileHandleId }) {
    const handle = client.handle(fileHandleId);
    client.removeHandle(handle);
    await handle.close();
    if (handle.bytesWritten) client.emitWritten(handle);
    return null;
  },
  fileSync: (client, { fileHandleId }) => client.handle(fileHandleId).sync("fileSync"),
  fileSyncData: (client, { fileHandleId }) => client.handle(fileHandleId).sync("fileSyncData"),
  fileLock: (client, { fileHandleId, exclusive }) =>
    client.handle(fileHandleId).lock(exclusive ?? false, client.signal),
  fileUnlock: (client, { fileHandleId }) => client.handle(fileHandleId).unlock(),
  async fileRead(client, { fileHandleId, length }, call) {
    const handle = client.handle(fileHandleId);
    // Reading nothing is not the end of the file.
    if (length === 0) return { data: "" };
    const wanted = Math.min(length, client.limits.readBytes);
    await call.hold(wanted);
    const bytes = await handle.read(wanted);
    return { data: bytes.length ? bytes.toString("base64") : null };
  },
  async fileWrite(client, { fileHandleId, data }) {
    return { bytesWritten: await client.handle(fileHandleId).write(data) };
  },
  async fileSeek(client, { fileHandleId, offset, whence }) {
    return { position: await client.handle(fileHandleId).seek(offset, whence) };
  },
  fileStat: (client, { fileHandleId }) => client.handle(fileHandleId).stat(),
  fileTruncate: (client, { fileHandleId, len }) => client.handle(fileHandleId).truncate(len),
  fileUtime: (client, { fileHandleId, atime, mtime }) => client.handle(fileHandleId).utime(atime, mtime),
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

async function open(client: Client, path: string, options: OpenOptions): Promise<{ fileHandleId: number }> {
  client.assertRoomForHandle();
  const { handle } = await client.guest.call("open", { path, ...options });
  if (client.signal.aborted) {
    await client.guest.call("fileClose", { handle });
    throw client.signal.reason;
  }
  client.addHandle(handle, path);
  return { fileHandleId: handle };
}

/** A file is opened for reading unless something else was asked for. */
function openMode(options: OpenOptions = {}): OpenOptions {
  const { read, write, append, truncate, create, createNew } = options;
  const other = write || append || truncate || create || createNew;
  return { ...options, read: read ?? !other };
}
