import { type RpcDecodedParams, STREAM_METHODS } from "@sandkeep/protocol";
import type { ConnectionState } from "../connection-state.ts";
import { applicationError, describeFailure } from "../errors.ts";
import { sendWalk } from "../files/walk.ts";
import type { Call, Handlers } from "../handlers.ts";
import { collect, openStream, upload } from "../streams/guest-io.ts";

/** Files by path (wire-protocol §7.2). */
export const fileHandlers = {
  async readFile(state, { path, abortId }, call) {
    const bytes = await readWhole(state, path, abortId, call);
    return bytes.toString("base64");
  },

  // Deno decodes lossily, and keeps a byte order mark; so does this.
  async readTextFile(state, { path, abortId }, call) {
    const bytes = await readWhole(state, path, abortId, call);
    return bytes.toString("utf8");
  },

  writeFile: (state, params) => writeWhole(state, "writeFile", params, params.content),
  writeTextFile: (state, params) =>
    writeWhole(state, "writeTextFile", params, params.content === undefined ? undefined : Buffer.from(params.content)),

  readDir: ({ guest }, { path }) => guest.call("readDir", { path }),
  remove: ({ guest }, { path, options }) => guest.call("remove", { path, ...options }),
  mkdir: ({ guest }, { path, options }) => guest.call("mkdir", { path, ...options }),
  rename: ({ guest }, { oldPath, newPath }) => guest.call("rename", { oldPath, newPath }),
  stat: ({ guest }, { path }) => guest.call("stat", { path }),
  lstat: ({ guest }, { path }) => guest.call("lstat", { path }),
  chmod: ({ guest }, { path, mode }) => guest.call("chmod", { path, mode }),
  chown: ({ guest }, { path, uid, gid }) => guest.call("chown", { path, uid: uid ?? null, gid: gid ?? null }),
  copyFile: ({ guest }, { fromPath, toPath }) => guest.call("copyFile", { fromPath, toPath }),
  link: ({ guest }, { target, path }) => guest.call("link", { target, path }),
  // The type only matters on Windows.
  symlink: ({ guest }, { target, path }) => guest.call("symlink", { target, path }),
  readLink: ({ guest }, { path }) => guest.call("readLink", { path }),
  realPath: ({ guest }, { path }) => guest.call("realPath", { path }),
  makeTempDir: ({ guest }, { options }) => guest.call("makeTempDir", { ...options }),
  makeTempFile: ({ guest }, { options }) => guest.call("makeTempFile", { ...options }),
  truncate: ({ guest }, { name, length }) => guest.call("truncate", { path: name, length: length ?? 0 }),
  umask: ({ guest }, { mask }) => guest.call("umask", mask === undefined ? {} : { mask }),
  utime: ({ guest }, { path, atime, mtime }) => guest.call("utime", { path, atimeMs: atime, mtimeMs: mtime }),

  walk: (state, params) => sendWalk(state, "walk", params),
  expandGlob: (state, params) => sendWalk(state, "expandGlob", params),
} satisfies Partial<Handlers>;

/** A whole file, if it fits in one answer. */
async function readWhole(
  state: ConnectionState,
  path: string,
  abortId: number | undefined,
  call: Call,
): Promise<Buffer> {
  // Base64 adds a third; the rest of the answer is small.
  const limit = Math.floor(((state.limits.resultBytes - 4096) * 3) / 4);
  const tooLarge = () =>
    applicationError(
      "RangeError",
      `The file is larger than ${limit} bytes, which is what fits in one answer; open it and read it in pieces, or download it: readfile '${path}'`,
    );
  const abort = state.aborts.register(abortId, state.signal);
  try {
    const stream = openStream(state.guest, "readFile", { path }, abort.signal);
    const { size } = await stream.head;
    if (size > limit) {
      stream.destroy();
      throw tooLarge();
    }
    // The bytes, their base64 and the message around it are in memory at the same time.
    await call.hold(size);
    return await collect(stream, limit, tooLarge);
  } finally {
    abort.done();
  }
}

type WriteParams = Pick<RpcDecodedParams<"writeFile">, "path" | "abortId" | "options" | "contentStreamId">;

async function writeWhole(
  state: ConnectionState,
  method: string,
  params: WriteParams,
  content: Buffer | undefined,
): Promise<null> {
  const { path, abortId, options, contentStreamId } = params;
  const source = content === undefined ? state.inbound.claim(contentStreamId!) : null;
  const abort = state.aborts.register(abortId, state.signal);
  let bytes: number | null = content?.length ?? 0;
  try {
    const stream = openStream(state.guest, "writeFile", { path, ...options }, abort.signal);
    if (content) await upload(stream, content);
    else {
      const counted = async function* () {
        for await (const chunk of source!.chunks()) {
          bytes! += chunk.length;
          yield chunk;
        }
      };
      // A source that waits for the client's next chunk does not notice that the guest has refused.
      stream.once("close", () =>
        source!.cancel({
          constructorName: "Error",
          message: `Nobody reads ${STREAM_METHODS.enqueue} of this stream any more`,
        }),
      );
      await upload(stream, counted());
    }
    state.emit({ kind: "file.written", outcome: "ok", data: { path, bytes, method } });
    return null;
  } catch (error) {
    const described = describeFailure(error);
    const message = "error" in described ? described.error.message : described.failure.message;
    state.emit({ kind: "file.written", outcome: "failed", data: { path, bytes: null, method, error: message } });
    throw error;
  } finally {
    abort.done();
    source?.cancel({ constructorName: "Error", message: "The file was not written" });
  }
}
