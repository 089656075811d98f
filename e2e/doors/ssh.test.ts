/** The SSH door of a real machine, with the programs that people use. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Sandbox as OfficialSandbox } from "@deno/sandbox";
import { ended, OPTIONS, runSsh, startSsh, startSshOnTerminal } from "@sandkeep/doors/testing";
import { Sandbox } from "sandkeep";
import { Installation } from "../cli/installation.ts";
import { cached } from "../compat/packages/cache.ts";
import { until } from "../harness/poll.ts";
import { TestServer } from "../harness/server.ts";

/** Time limit of one test, milliseconds. */
const TIMEOUT_MS = 180_000;
const CLIENT = "deno-sandbox==0.16.0";
const MiB = 1024 * 1024;

const execute = promisify(execFile);

let server: TestServer;
let dataDir: string;
let work: string;
let sandbox: Sandbox;
let username: string;
let port: number;

before(
  async () => {
    work = await mkdtemp(join(tmpdir(), "sandkeep-e2e-ssh-"));
    dataDir = join(work, "data");
    server = await TestServer.start({ dataDir });
    Object.assign(process.env, server.env);
    sandbox = await Sandbox.create({ timeout: "15m", ssh: true });
    ({ username, port } = sandbox.ssh!);
  },
  { timeout: TIMEOUT_MS },
);
after(async () => {
  await sandbox?.kill().catch(() => {});
  await server?.stop();
  await rm(work, { recursive: true, force: true });
});

const ssh = (command: string, options: Omit<NonNullable<Parameters<typeof runSsh>[2]>, "command"> = {}) =>
  runSsh({ port }, username, { ...options, command: [command] });

async function get<Answer>(path: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${server.ready.token}` };
  return (await (await fetch(`${server.ready.apiEndpoint}${path}`, { headers })).json()) as Answer;
}

const events = () =>
  get<{ kind: string; data: { connection?: string; command?: string; signal?: string } }[]>(
    `/api/v1/events?sandbox=${sandbox.id}`,
  );

/** For `scp`, `sftp`, `rsync` and `git`. */
const PORT_OPTION = () => [`-oPort=${port}`];
const remoteShell = () => ["ssh", ...OPTIONS, ...PORT_OPTION()].join(" ");
const remote = (path: string) => `${username}@127.0.0.1:${path}`;
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a login", { timeout: TIMEOUT_MS }, () => {
  test("is one of the user app, at home, with the sandbox's environment", async () => {
    const { code, stdout, stderr } = await ssh("whoami; pwd; echo $HOME $SHELL $SANDBOX_ID; echo err >&2; exit 5");
    assert.equal(code, 5);
    assert.equal(stdout, `app\n/home/app\n/home/app /bin/bash ${sandbox.id}\n`);
    assert.equal(stderr, "err\n");
  });

  test("has a terminal when it is a shell", async () => {
    const shell = startSsh({ port }, username, { args: ["-tt"], env: { TERM: "xterm" } });
    shell.stdin.write("tty; echo mark''ed $TERM; exit 4\n");
    const { code, stdout } = await ended(shell);
    assert.equal(code, 4, stdout);
    assert.match(stdout, /\/dev\/pts\/\d+/);
    assert.match(stdout, /marked xterm/);
  });

  test("has a terminal that follows the client's window, and on which keys are signals", async () => {
    const command = "trap 'stty size' WINCH; trap 'exit 9' INT; stty size; while :; do sleep 0.1; done";
    const { child, resize } = startSshOnTerminal({ port }, username, command);
    let printed = "";
    for await (const bytes of child.stdout as AsyncIterable<Buffer>) {
      const before = printed;
      printed += String(bytes);
      const first = (text: string) => printed.includes(text) && !before.includes(text);
      if (first("24 80\r\n")) resize(132, 43);
      if (first("43 132\r\n")) child.stdin.write("\x03");
    }
    assert.match(printed, /^24 80\r\n43 132\r\n/);
    if (child.exitCode === null) await once(child, "exit");
    assert.equal(child.exitCode, 9);
  });

  test("gets the client's variables, but not its locale, and knows that it is one by SSH", async () => {
    const { stdout } = await ssh("echo $COLOUR,$LC_ALL,$SSH_CONNECTION", {
      args: ["-oSetEnv=COLOUR=green", "-oSendEnv=LC_ALL"],
      env: { LC_ALL: "de_DE.UTF-8" },
    });
    assert.equal(stdout, "green,,127.0.0.1 0 127.0.0.1 22\n");
  });

  test("whose command was killed is recorded with the signal", async () => {
    const { code } = await ssh("kill -TERM $$ # killed");
    assert.equal(code, 255, "OpenSSH has no exit code for that");
    await until("the signal is in the event", async () => {
      const run = (await events()).find(({ data }) => data.command?.endsWith("# killed"));
      return run?.data.signal === "SIGTERM";
    });
  });

  test("that ends takes its shell and what runs in it along", async () => {
    const shell = startSsh({ port }, username, { args: ["-tt"] });
    shell.stdin.write("echo $$ > shell.pid; sleep 1234; exit\n");
    let pid = "";
    await until("the shell runs", async () => {
      pid = (await sandbox.fs.readTextFile("shell.pid").catch(() => "")).trim();
      return pid !== "";
    });
    shell.kill("SIGKILL");
    await until("the shell is gone", async () => (await ssh(`kill -0 ${pid}`)).code !== 0);
  });

  test("needs the right user name", async () => {
    const wrong = username.slice(0, -1) + (username.endsWith("x") ? "y" : "x");
    const { code, stderr } = await runSsh({ port }, wrong, { command: ["true"] });
    assert.equal(code, 255);
    assert.match(stderr, /Permission denied/);
  });

  test("is recorded with its command", async () => {
    await ssh("echo recorded");
    let kinds: string[] = [];
    await until("login, command and logout are events", async () => {
      const all = await events();
      const run = all.find(({ data }) => data.command === "echo recorded");
      kinds = all.filter(({ data }) => run && data.connection === run.data.connection).map(({ kind }) => kind);
      return kinds.length === 3;
    });
    assert.deepEqual(kinds.toSorted(), ["ssh.login", "ssh.logout", "ssh.process"]);
  });
});

describe("files", { timeout: TIMEOUT_MS }, () => {
  const content = randomBytes(10 * MiB);
  let file: string;
  before(async () => {
    file = join(work, "file");
    await writeFile(file, content);
  });

  test("are copied with scp, both ways", async () => {
    await execute("scp", [...OPTIONS, ...PORT_OPTION(), "-q", file, remote("with-scp")]);
    await execute("scp", [...OPTIONS, ...PORT_OPTION(), "-q", remote("with-scp"), `${file}.back`]);
    assert.equal(digest(await readFile(`${file}.back`)), digest(content));
  });

  test("are listed and moved with sftp", async () => {
    const batch = join(work, "batch");
    await writeFile(batch, `put ${file} with-sftp\nrename with-sftp moved\nls -l moved\nget moved ${file}.again\n`);
    const { stdout } = await execute("sftp", [...OPTIONS, ...PORT_OPTION(), "-b", batch, remote("")]);
    assert.match(stdout, new RegExp(`app .* ${content.length} .* moved`));
    assert.equal(digest(await readFile(`${file}.again`)), digest(content));
  });

  test("are synchronised with rsync", async () => {
    await execute("rsync", ["-a", "-e", remoteShell(), file, remote("with-rsync")]);
    const { stdout } = await execute("rsync", ["-a", "--stats", "-e", remoteShell(), file, remote("with-rsync")]);
    assert.match(stdout, /Number of regular files transferred: 0/);
    assert.equal(digest(await sandbox.fs.readFile("with-rsync")), digest(content));
  });

  test("are cloned and pushed with git", async () => {
    await ssh("git init -q --bare repo.git -b main");
    const git = (...args: string[]) =>
      execute("git", ["-C", join(work, "clone"), "-c", "user.name=a", "-c", "user.email=a@example.com", ...args], {
        env: { ...process.env, GIT_SSH_COMMAND: remoteShell() },
      });
    const url = `ssh://${username}@127.0.0.1/home/app/repo.git`;
    await execute("git", ["clone", "-q", url, join(work, "clone")], {
      env: { ...process.env, GIT_SSH_COMMAND: remoteShell() },
    });
    await writeFile(join(work, "clone", "file"), "content");
    await git("add", "file");
    await git("commit", "-q", "-m", "first");
    await git("push", "-q", "origin", "HEAD:main");
    assert.match((await ssh("git -C repo.git log --format=%s main")).stdout, /^first$/m);
  });
});

describe("connections", { timeout: TIMEOUT_MS }, () => {
  before(async () => {
    await sandbox.fs.writeTextFile("web/index.html", "from the sandbox").catch(async () => {
      await sandbox.fs.mkdir("web");
      await sandbox.fs.writeTextFile("web/index.html", "from the sandbox");
    });
    await sandbox.sh`python3 -m http.server -d web 8000 --bind 127.0.0.1 >/dev/null 2>&1 &`;
    await until("the server in the sandbox listens", async () => (await ssh("curl -s 127.0.0.1:8000")).code === 0);
  });

  const forwarding = async (...args: string[]) => {
    const client = startSsh({ port }, username, {
      args: [...args, "-oExitOnForwardFailure=yes"],
      command: ["echo ready; cat"],
    });
    await once(client.stdout, "data");
    return {
      async [Symbol.asyncDispose]() {
        client.stdin.end();
        await once(client, "exit");
      },
    };
  };

  test("lead into the sandbox (-L)", async () => {
    const local = await freePort();
    await using _ = await forwarding("-L", `${local}:localhost:8000`);
    assert.equal(await (await fetch(`http://127.0.0.1:${local}/`)).text(), "from the sandbox");
  });

  test("lead anywhere that the sandbox reaches, and nowhere else (-D)", async () => {
    const local = await freePort();
    await using _ = await forwarding("-D", String(local));
    const curl = (url: string) => execute("curl", ["-sS", "--socks5-hostname", `127.0.0.1:${local}`, url]);
    assert.equal((await curl("http://localhost:8000/")).stdout, "from the sandbox");
    // The host's own services, such as this server's API, are not among it.
    const { port: api } = new URL(server.ready.apiEndpoint);
    await assert.rejects(curl(`http://127.0.0.1:${api}/`));
  });

  test("lead out of the sandbox to the client (-R)", async () => {
    const local = createServer((_, response) => response.end("from the client")).listen(0, "127.0.0.1");
    await once(local, "listening");
    await using _ = await forwarding("-R", `8081:127.0.0.1:${(local.address() as AddressInfo).port}`);
    assert.equal((await ssh("curl -s 127.0.0.1:8081")).stdout, "from the client");
    local.close();
  });

  test("use a key exchange that is safe from quantum computers, with an OpenSSH that has one", async () => {
    // The image's OpenSSH is newer than this computer's may be: it comes back to the door from inside.
    await using _ = await forwarding("-R", `2222:127.0.0.1:${port}`);
    const { stdout } = await ssh(
      `ssh -v -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p 2222 ${username}@127.0.0.1 echo inside 2>&1`,
    );
    assert.match(stdout, /kex: algorithm: mlkem768x25519-sha256/);
    assert.match(stdout, /^inside$/m);
  });
});

describe("clients", { timeout: TIMEOUT_MS }, () => {
  test("@deno/sandbox opens the door", async () => {
    const official = await OfficialSandbox.connect({ id: sandbox.id });
    const { hostname, username: name } = await official.exposeSsh();
    assert.equal(hostname, "127.0.0.1");
    assert.equal((await runSsh({ port }, name, { command: ["echo in"] })).stdout, "in\n");
    await official.close();
  });

  test("deno-sandbox for Python opens the door", async () => {
    const { stdout: version } = await execute("python3", ["--version"]);
    const packages = await cached("python-client", { CLIENT, version }, async (dir) => {
      await execute("python3", [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        dir,
        CLIENT,
      ]);
    });
    const { stdout } = await execute("python3", [join(import.meta.dirname, "login.py"), ...OPTIONS], {
      env: { ...process.env, ...server.env, PYTHONPATH: packages },
      timeout: TIMEOUT_MS,
    });
    assert.match(stdout, /^sbx_\w+ logged in\n$/);
  });

  test("sandkeep ssh runs OpenSSH, which knows the server's key, and opens one door however often it is run", async () => {
    await using installation = await Installation.create();
    const env = { ...server.env, SANDKEEP_TOKEN: server.env.DENO_DEPLOY_TOKEN! };
    await using fresh = await Sandbox.create({ timeout: "5m" });
    for (let n = 0; n < 2; n++) {
      const { code, stdout } = await installation.call(["ssh", fresh.id, "--", "echo", "$HOME; exit 3"], { env });
      assert.deepEqual({ code, stdout }, { code: 3, stdout: "/home/app\n" });
    }
    assert.equal((await get<unknown[]>(`/api/v1/doors?sandbox=${fresh.id}`)).length, 1);
  });
});

test("a door closes with its sandbox, at once, for what is open too", { timeout: TIMEOUT_MS }, async () => {
  const short = await Sandbox.create({ ssh: true });
  const local = await freePort();
  const client = startSsh({ port }, short.ssh!.username, {
    args: ["-L", `${local}:127.0.0.1:8000`, "-oExitOnForwardFailure=yes"],
    command: [
      'python3 -c \'import socket; s = socket.create_server(("127.0.0.1", 8000)); print(1, flush=True); c = s.accept()[0]; c.send(b"x"); input()\'',
    ],
  });
  await once(client.stdout, "data");
  const forwarded = connect(local, "127.0.0.1");
  await once(forwarded, "data");
  const [end, closed] = [ended(client), once(forwarded, "close")];
  await short.kill();
  assert.equal((await end).code, 255);
  await closed;
  assert.match((await runSsh({ port }, short.ssh!.username, { command: ["true"] })).stderr, /Permission denied/);
});

test("a door outlives the server, with its key, when its sandbox does", { timeout: TIMEOUT_MS }, async () => {
  const scan = async () => (await execute("ssh-keyscan", ["-p", String(port), "127.0.0.1"])).stdout.split(" ").at(-1);
  const key = await scan();
  await server.crash();
  server = await TestServer.start({ dataDir });
  Object.assign(process.env, server.env);
  port = server.ready.sshPort;
  assert.equal(await scan(), key);
  assert.equal((await ssh("echo still here")).stdout, "still here\n");
  sandbox = await Sandbox.connect(sandbox.id);
});

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  return port;
}
