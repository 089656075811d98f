/** For tests: a peer that greets as an agent does, and then answers whatever a test wants. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { performServerHandshake, type ServerHttp2Stream } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GuestClient, HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "@sandkeep/host";

const HELLO_TIMEOUT_MS = 10_000;

/** Answers a request of the host's; `path` is as in `/stream/spawn`. */
export type Answer = (path: string, stream: ServerHttp2Stream) => void;

/** A prefix message, as at the beginning of a stream's body. */
export function prefix(outcome: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(outcome));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** @param waitForTrailers whether streams ask for trailers at their end (`wantTrailers`) */
export async function misbehavingGuest(
  answer: Answer,
  waitForTrailers = false,
): Promise<{ guest: GuestClient } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "sandkeep-peer-"));
  const server = createServer((socket) => void greet(socket, answer, waitForTrailers));
  server.listen(join(folder, "peer.sock"));
  await once(server, "listening");
  const socket = connect(join(folder, "peer.sock"));
  await once(socket, "connect");
  const guest = await GuestClient.connect(socket, HELLO_TIMEOUT_MS);
  return {
    guest,
    async [Symbol.asyncDispose]() {
      guest.close();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function greet(socket: Socket, answer: Answer, waitForTrailers: boolean): Promise<void> {
  socket.on("error", () => {});
  let hello = Buffer.alloc(0);
  while (hello.length < HELLO_MAGIC.length + NONCE_BYTES) {
    const piece = socket.read() as Buffer | null;
    if (piece) hello = Buffer.concat([hello, piece]);
    else await once(socket, "readable");
  }
  const nonce = hello.subarray(HELLO_MAGIC.length, HELLO_MAGIC.length + NONCE_BYTES);
  const rest = hello.subarray(HELLO_MAGIC.length + NONCE_BYTES);
  socket.write(Buffer.concat([Buffer.from(READY_MAGIC), nonce]));
  if (rest.length) socket.unshift(rest);
  const session = performServerHandshake(socket);
  session.on("error", () => {});
  session.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 }, { waitForTrailers });
    answer(String(headers[":path"]), stream);
  });
}
