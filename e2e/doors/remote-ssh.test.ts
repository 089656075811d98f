/**
 * What VS Code's Remote SSH does, with the OpenSSH client that it runs: a script on the standard input of a shell starts a server, and all
 * further connections to that go through the same login. The editor's own server is not started: it has to be downloaded from its maker.
 */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { ended, OPTIONS, runSsh, startSsh } from "@sandkeep/doors/testing";
import { Sandbox } from "sandkeep";
import { until } from "../harness/poll.ts";
import { TestServer } from "../harness/server.ts";

/** Time limit of one test, milliseconds. */
const TIMEOUT_MS = 180_000;
const execute = promisify(execFile);

/** A server as the editor's: it listens on a port and on a socket, and each connection is a long conversation. */
const SERVER = `
const { createServer } = require("node:net");
const serve = (socket) => socket.on("error", () => {}).on("data", (bytes) => socket.write(String(bytes).toUpperCase()));
createServer(serve).listen("/home/app/.editor/socket");
const server = createServer(serve).listen(0, "127.0.0.1", () => console.log("listening on " + server.address().port));
`;

/** The script: longer than a pipe holds, and than one packet, as the editor's is. */
const SCRIPT = `
set -e
${"# The editor's script has more than a thousand lines.\n".repeat(1_500)}
mkdir -p ~/.editor
cat > ~/.editor/server.js <<'END'
${SERVER}
END
if [ ! -f ~/.editor/pid ] || ! kill -0 $(cat ~/.editor/pid); then
  : > ~/.editor/log
  setsid nohup node ~/.editor/server.js > ~/.editor/log 2>&1 < /dev/null &
  echo $! > ~/.editor/pid
fi
until grep -q listening ~/.editor/log; do sleep 0.1; done
echo "pid==$(cat ~/.editor/pid)== port==$(sed 's/.* //' ~/.editor/log)== arch==$(uname -m)=="
`;

/** Root's: a socket for itself, and one for everybody, each of which tells who has connected. */
const ROOTS_SERVER = `
import os, select, socket, struct
servers = []
for path, mask in (("/run/own", 0o77), ("/run/open", 0)):
    os.umask(mask)
    servers.append(socket.socket(socket.AF_UNIX))
    servers[-1].bind(path)
    servers[-1].listen()
print("ready", flush=True)
while True:
    for server in select.select(servers, [], [])[0]:
        client = server.accept()[0]
        peer = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        client.sendall(f"you are {peer[1]}".encode())
        client.close()
`;

describe("Remote SSH", { timeout: 3 * TIMEOUT_MS }, () => {
  let server: TestServer;
  let sandbox: Sandbox;
  let username: string;
  let port: number;
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "sandkeep-remote-ssh-"));
    server = await TestServer.start();
    sandbox = await Sandbox.create({ ...server.ready, timeout: "15m", ssh: true });
    ({ username, port } = sandbox.ssh!);
  });
  after(async () => {
    await sandbox?.kill().catch(() => {});
    await server?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  /** Logs in as the editor does. */
  async function editor(socks: number, ...command: string[]) {
    const client = startSsh({ port }, username, { args: ["-T", "-D", String(socks), "-oConnectTimeout=15"], command });
    client.stdin.write(SCRIPT);
    const found = await printed(client, /pid==(\d+)== port==(\d+)== arch==(\w+)==/);
    return { client, pid: found[1]!, at: Number(found[2]), arch: found[3]! };
  }

  async function eventsOf(kind: string) {
    const events = await fetch(`${server.ready.apiEndpoint}/api/v1/events?sandbox=${sandbox.id}&kind=${kind}`, {
      headers: { authorization: `Bearer ${server.ready.token}` },
    });
    return (await events.json()) as { data: Record<"command" | "connection" | "path" | "error", string | null> }[];
  }

  const leave = async (client: ChildProcessWithoutNullStreams) => {
    client.stdin.end();
    return (await ended(client)).code;
  };

  const converse = async (socket: Socket) => {
    for (const words of ["first", "second"]) {
      socket.write(words);
      assert.equal(String((await once(socket, "data"))[0]), words.toUpperCase());
    }
    socket.end();
    assert.equal(await text(socket), "");
  };

  test("a script starts the server, which is reached through the same login (-T, -D), and is there at the next", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const socks = await freePort();
    const first = await editor(socks, "bash");
    assert.equal(first.arch, "x86_64");
    await Promise.all(
      Array.from({ length: 8 }, async () => converse(await throughSocks(socks, "127.0.0.1", first.at))),
    );
    // What else it runs during that, in the same shell.
    first.client.stdin.write("echo more==$((6 * 7))==\n");
    await printed(first.client, /more==42==/);
    assert.equal(await leave(first.client), 0);
    // Without a command it is the login shell that reads the script.
    const again = await editor(socks);
    assert.deepEqual([again.pid, again.at], [first.pid, first.at]);
    await converse(await throughSocks(socks, "localhost", again.at));
    assert.equal(await leave(again.client), 0);
  });

  test("a server on a Unix socket is reached, too (-L)", { timeout: TIMEOUT_MS }, async () => {
    const local = join(dir, "editor");
    const client = startSsh({ port }, username, {
      args: ["-T", "-L", `${local}:/home/app/.editor/socket`, "-oExitOnForwardFailure=yes"],
      command: ["echo ready; cat"],
    });
    await once(client.stdout, "data");
    await converse(connect(local));
    assert.equal(await leave(client), 0);
    // As the user: root's are not among them, and the servers of others see the user.
    const owned = await sandbox.spawn("sudo", { args: ["python3", "-c", ROOTS_SERVER], stdout: "piped" });
    for await (const _ of owned.stdout!) break;
    const [own, open] = [`${local}.own`, `${local}.open`];
    const forwards = ["-L", `${own}:/run/own`, "-L", `${open}:/run/open`];
    const more = startSsh({ port }, username, { args: ["-N", ...forwards] });
    for (const path of [own, open])
      await until("ssh listens", async () => (await stat(path).catch(() => null)) !== null);
    assert.equal(await text(connect(open)), "you are 1000");
    assert.equal(await text(connect(own)), "");
    more.kill();
    await ended(more);
    await owned.kill();
    const forwarded = await eventsOf("ssh.forward");
    const of = (path: string) => forwarded.filter(({ data }) => data.path === path).map(({ data }) => data.error);
    assert.deepEqual(of("/run/open"), [null]);
    assert.match(String(of("/run/own")), /permission denied/i);
  });

  test("many programs, copies and forwarded ports share one login (ControlMaster)", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const control = join(dir, "control");
    const options = ["-S", control];
    const over = ended(startSsh({ port }, username, { args: ["-M", "-N", ...options] }));
    await until("the master listens", async () => (await stat(control).catch(() => null)) !== null);
    const run = (...command: string[]) => runSsh({ port }, username, { args: options, command });
    const told = await Promise.all(Array.from({ length: 10 }, (_, n) => run(`echo ${n}; echo err >&2; exit ${n}`)));
    assert.deepEqual(
      told,
      Array.from({ length: 10 }, (_, n) => ({ code: n, stdout: `${n}\n`, stderr: "err\n" })),
    );
    await execute("scp", [
      ...OPTIONS,
      `-oControlPath=${control}`,
      `-oPort=${port}`,
      import.meta.filename,
      `${username}@127.0.0.1:copy`,
    ]);
    assert.match((await run("wc -l < copy")).stdout, /^\d{3}\n$/);
    const ask = (...args: string[]) => runSsh({ port }, username, { args: [...options, ...args] });
    const local = await freePort();
    const forward = `${local}:/home/app/.editor/socket`;
    assert.equal((await ask("-O", "forward", "-L", forward)).code, 0);
    await converse(connect(local, "127.0.0.1"));
    assert.equal((await ask("-O", "cancel", "-L", forward)).code, 0);
    await assert.rejects(converse(connect(local, "127.0.0.1")), /ECONNREFUSED/);
    assert.equal((await ask("-O", "exit")).code, 0);
    await over;
    const mine = (await eventsOf("ssh.process")).filter(({ data }) => /^echo \d; echo err/.test(data.command ?? ""));
    assert.equal(mine.length, 10);
    assert.equal(new Set(mine.map(({ data }) => data.connection)).size, 1);
  });
});

/** Reads what a client prints until this is in it. */
async function printed(client: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<RegExpExecArray> {
  let output = "";
  const [errors, { promise, resolve, reject }] = [text(client.stderr), Promise.withResolvers<RegExpExecArray>()];
  const look = (bytes: Buffer) => {
    output += String(bytes);
    const found = pattern.exec(output);
    if (found) resolve(found);
  };
  const gone = () => void errors.then((more) => reject(new Error(`ssh has ended: ${output}${more}`)));
  client.stdout.on("data", look).once("end", gone);
  try {
    return await promise;
  } finally {
    client.stdout.off("data", look).off("end", gone);
  }
}

/** A connection through a SOCKS 5 proxy (RFC 1928). */
async function throughSocks(proxy: number, host: string, port: number): Promise<Socket> {
  const socket = connect(proxy, "127.0.0.1");
  socket.write(Buffer.from([5, 1, 0]));
  assert.deepEqual([...((await once(socket, "data"))[0] as Buffer)], [5, 0]);
  socket.write(Buffer.from([5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 0xff]));
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.equal(answer[1], 0, "the proxy refuses");
  return socket;
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  return port;
}
