/** HTTP/2 as frames, for upstreams that no library would make. */
import type { Duplex } from "node:stream";

export const HEADERS = 1;
export const DATA = 0;
export const SETTINGS = 4;
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;
const HEAD_BYTES = 9;
const PREFACE_BYTES = 24;

export type Field = readonly [name: string, value: string];

export function http2Frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal headers without indexing. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name, "latin1"),
        Buffer.from([value.length]),
        Buffer.from(value, "latin1"),
      ]),
    ),
  );
}

/** Serves a connection: exchanges settings, and reports every other frame. Does not update windows. */
export function serveFrames(socket: Duplex, take: (type: number, stream: number) => void): void {
  let seen = Buffer.alloc(0);
  let at = PREFACE_BYTES;
  socket.write(http2Frame(SETTINGS, 0, 0));
  socket.on("data", (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    while (seen.length >= at + HEAD_BYTES && seen.length >= at + HEAD_BYTES + seen.readUIntBE(at, 3)) {
      const [type, flags, stream] = [seen[at + 3]!, seen[at + 4]!, seen.readUInt32BE(at + 5)];
      seen = seen.subarray(at + HEAD_BYTES + seen.readUIntBE(at, 3));
      at = 0;
      if (type !== SETTINGS) take(type, stream);
      else if ((flags & ACK) === 0) socket.write(http2Frame(SETTINGS, ACK, 0));
    }
  });
}
