/** FOR TESTS ONLY: an agent that greets as the real one does, and then accepts everything. */
import { once } from "node:events";
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { createServer, type Socket } from "node:net";
import { json } from "node:stream/consumers";
import { HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "@sandkeep/serial";

/** Answers of calls and heads of streams; all others are null. */
const ANSWERS: Record<string, unknown> = {
  "/call/stat": fileInfo(),
  "/call/diskThaw": { frozen: false },
  "/stream/spawn": { pid: 2 },
  "/stream/readFile": { size: 0 },
};

export interface AgreeableAgent {
  /** The requests it received, such as `/call/stat`, in order. */
  readonly told: string[];
  /** The params of the last call of each kind, by path. */
  readonly params: Map<string, unknown>;
  /** Outcomes of requests that it answers otherwise; bytes are sent as they are, `pending` is none. By path. */
  readonly outcomes: Map<string, object | Buffer | "pending">;
  close(): void;
}

/** Listens on a unix socket. */
export async function agreeableAgent(path: string): Promise<AgreeableAgent> {
  const told: string[] = [];
  const params: AgreeableAgent["params"] = new Map();
  const outcomes: AgreeableAgent["outcomes"] = new Map();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    void greet(socket).then((session) =>
      session.on("stream", (stream, headers) => void agree(stream, headers[":path"]!).catch(() => {})),
    );
  });
  const agree = async (stream: ServerHttp2Stream, path: string) => {
    told.push(path);
    stream.on("error", () => {});
    if (path.startsWith("/call/")) params.set(path, await json(stream));
    else stream.resume();
    const answer = outcomes.get(path) ?? { ok: ANSWERS[path] ?? null };
    if (answer === "pending") return;
    stream.respond({ ":status": 200 });
    if (Buffer.isBuffer(answer)) return void stream.end(answer);
    const outcome = Buffer.from(JSON.stringify(answer));
    stream.end(path.startsWith("/stream/") ? Buffer.concat([lengthOf(outcome), outcome]) : outcome);
  };
  server.listen(path);
  await once(server, "listening");
  return {
    told,
    params,
    outcomes,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function greet(socket: Socket): Promise<ServerHttp2Session> {
  let hello = Buffer.alloc(0);
  while (hello.length < HELLO_MAGIC.length + NONCE_BYTES) {
    const piece = socket.read() as Buffer | null;
    if (piece) hello = Buffer.concat([hello, piece]);
    else await once(socket, "readable");
  }
  const nonce = hello.subarray(HELLO_MAGIC.length, HELLO_MAGIC.length + NONCE_BYTES);
  const rest = hello.subarray(HELLO_MAGIC.length + NONCE_BYTES);
  socket.write(Buffer.concat([Buffer.from(READY_MAGIC), nonce]));
  if (rest.length > 0) socket.unshift(rest);
  const session = performServerHandshake(socket);
  session.on("error", () => {});
  return session;
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return length;
}

function fileInfo(): Record<string, unknown> {
  const kinds = ["isFile", "isSymlink", "isBlockDevice", "isCharDevice", "isFifo", "isSocket"];
  const counts = ["size", "mode", "dev", "ino", "nlink", "uid", "gid", "rdev", "blksize", "blocks"];
  const times = ["mtime", "atime", "birthtime", "ctime"];
  return {
    isDirectory: true,
    ...Object.fromEntries(kinds.map((name) => [name, false])),
    ...Object.fromEntries(counts.map((name) => [name, 0])),
    ...Object.fromEntries(times.map((name) => [name, "2026-01-01T00:00:00Z"])),
  };
}
