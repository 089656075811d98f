/** Connections through a login, with OpenSSH's client. */
import assert from "node:assert/strict";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { startSsh } from "../testing/openssh.ts";
import { TestServer } from "../testing/test-server.ts";

const MiB = 1024 * 1024;

let server: TestServer;
before(async () => {
  server = await TestServer.start();
  server.open("somebody");
});
after(() => server[Symbol.asyncDispose]());

async function listening(serve: (socket: Socket) => void): Promise<{ port: number; listener: Server }> {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    serve(socket);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return { port: (listener.address() as AddressInfo).port, listener };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const { port, listener } = await listening(() => {});
  listener.close();
  await once(listener, "close");
  return port;
}

/** A client that forwards, once it does. */
async function forwarding(args: string[]): Promise<ChildProcessWithoutNullStreams> {
  const client = startSsh(server, "somebody", {
    args: [...args, "-oExitOnForwardFailure=yes"],
    command: ["echo ready; cat"],
  });
  await once(client.stdout, "data");
  return client;
}

async function stop(client: ChildProcessWithoutNullStreams): Promise<void> {
  client.stdin.end();
  await once(client, "exit");
}

describe("from the client into the sandbox (-L)", () => {
  test("passes bytes both ways, and the end of each direction by itself", async () => {
    // Answers only once everything is there.
    const { port, listener } = await listening(
      async (socket) => void socket.end(String((await buffer(socket)).length)),
    );
    const local = await freePort();
    const client = await forwarding(["-L", `${local}:127.0.0.1:${port}`]);
    const socket = connect({ port: local, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(Buffer.alloc(3 * MiB));
    assert.equal(await text(socket), String(3 * MiB));
    await stop(client);
    listener.close();
    const dial = await server.reported("dial");
    assert.deepEqual([dial.to, dial.error], [{ host: "127.0.0.1", port }, null]);
  });

  test("a Unix socket is reached, too", async () => {
    const path = join(server.directory, "socket");
    const listener = createServer((socket) => socket.end("from the socket")).listen(path);
    await once(listener, "listening");
    const local = await freePort();
    const client = await forwarding(["-L", `${local}:${path}`]);
    assert.equal(await text(connect(local, "127.0.0.1")), "from the socket");
    await stop(client);
    listener.close();
    const dial = server.reports.findLast(({ action }) => action === "dial");
    assert.deepEqual(dial?.action === "dial" && dial.to, { path });
  });

  test("a server that ends its direction first still gets the rest", async () => {
    const got = Promise.withResolvers<number>();
    const { port, listener } = await listening(async (socket) => {
      socket.end("bye");
      got.resolve((await buffer(socket)).length);
    });
    const local = await freePort();
    const client = await forwarding(["-L", `${local}:127.0.0.1:${port}`]);
    const socket = connect({ port: local, host: "127.0.0.1", allowHalfOpen: true });
    assert.equal(await text(socket), "bye");
    socket.end(Buffer.alloc(MiB));
    assert.equal(await got.promise, MiB);
    await stop(client);
    listener.close();
  });

  test("where nobody listens, the connection is refused", async () => {
    const local = await freePort();
    const client = await forwarding(["-L", `${local}:127.0.0.1:${await freePort()}`]);
    const socket = connect(local, "127.0.0.1");
    assert.equal(await text(socket), "");
    await stop(client);
    const dial = server.reports.findLast(({ action }) => action === "dial");
    assert.match(String(dial?.action === "dial" && dial.error), /ECONNREFUSED/);
  });

  test("a reader that does not read slows the sender down", async () => {
    let sent = 0;
    const { port, listener } = await listening((socket) => {
      const piece = Buffer.alloc(64 * 1024);
      const more = () => {
        for (let room = true; room; sent += piece.length) room = socket.write(piece);
      };
      socket.on("drain", more);
      more();
    });
    const local = await freePort();
    const client = await forwarding(["-L", `${local}:127.0.0.1:${port}`]);
    const socket = connect(local, "127.0.0.1");
    await once(socket, "readable");
    // As long as anything still moves.
    for (let before = -1; before !== sent; ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.ok(sent < 64 * MiB, `${sent} bytes are on the way`);
    socket.destroy();
    await stop(client);
    listener.close();
  });
});

test("a browser's proxy (-D) reaches what the sandbox reaches", async () => {
  const { port, listener } = await listening((socket) => void socket.end("hello"));
  const local = await freePort();
  const client = await forwarding(["-D", String(local)]);
  const socket = connect({ port: local, host: "127.0.0.1", allowHalfOpen: true });
  socket.write(Buffer.from([5, 1, 0]));
  assert.deepEqual([...((await once(socket, "data"))[0] as Buffer)], [5, 0]);
  const name = Buffer.from("127.0.0.1");
  socket.write(Buffer.from([5, 1, 0, 3, name.length, ...name, port >> 8, port & 255]));
  const answer = await buffer(socket);
  assert.equal(answer[1], 0, "connected");
  assert.ok(answer.toString("latin1").endsWith("hello"));
  socket.end();
  await stop(client);
  listener.close();
});

describe("from the sandbox to the client (-R)", () => {
  test("passes bytes both ways", async () => {
    const { port, listener } = await listening((socket) => socket.pipe(socket));
    const remote = await freePort();
    const client = await forwarding(["-R", `${remote}:127.0.0.1:${port}`]);
    const socket = connect({ port: remote, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(Buffer.alloc(2 * MiB));
    assert.equal((await buffer(socket)).length, 2 * MiB);
    await stop(client);
    listener.close();
    const listen = await server.reported("listen");
    assert.deepEqual([listen.port, listen.error], [remote, null]);
    assert.equal((await server.reported("accept")).port, remote);
    await server.reported("logout", listen.connection);
    await assert.rejects(once(connect(remote, "127.0.0.1"), "connect"), /ECONNREFUSED/);
  });

  test("the sandbox chooses a port for 0, and the client hears which", async () => {
    const { port, listener } = await listening((socket) => void socket.end("hello"));
    const client = startSsh(server, "somebody", {
      args: ["-v", "-R", `0:127.0.0.1:${port}`],
      command: ["cat"],
    });
    let stderr = "";
    for await (const bytes of client.stderr) {
      stderr += String(bytes);
      if (/Allocated port \d+ /.test(stderr)) break;
    }
    const remote = Number(/Allocated port (\d+)/.exec(stderr)?.[1]);
    assert.equal(await text(connect(remote, "127.0.0.1")), "hello");
    await stop(client);
    listener.close();
  });

  test("a port that is taken is refused", async () => {
    const { port, listener } = await listening(() => {});
    const client = startSsh(server, "somebody", {
      args: ["-R", `${port}:127.0.0.1:1`, "-oExitOnForwardFailure=yes"],
      command: ["true"],
    });
    const [code] = (await once(client, "exit")) as [number];
    assert.equal(code, 255);
    listener.close();
  });
});
