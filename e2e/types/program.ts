/**
 * A program written for the platform's own client, as the type check proves. `consumer.test.ts` changes only the
 * import, and compiles it against the published package.
 */
import {
  ApiError,
  type App,
  type BaseClientOptions,
  type Build,
  type ChildProcess,
  type ChildProcessOutput,
  type ChildProcessStatus,
  Client,
  ConnectionClosedError,
  ConnectionEstablishmentError,
  type ConnectOptions,
  type DenoProcess,
  type DenoRepl,
  type DenoRunOptions,
  type DirEntry,
  type ExpandGlobOptions,
  type FileInfo,
  type FsFile,
  InvalidMemoryError,
  InvalidTimeoutError,
  InvalidTokenError,
  KillController,
  type KillSignal,
  type KillSignalListener,
  type Memory,
  MissingTokenError,
  NetworkError,
  type PaginatedList,
  type RequestInit,
  type Revision,
  RpcError,
  Sandbox,
  SandboxCommandError,
  type SandboxDeno,
  type SandboxEnv,
  type SandboxFs,
  SandboxKillError,
  type SandboxMetadata,
  type SandboxOptions,
  SandboxSdkError,
  SeekMode,
  type Signal,
  Snapshot,
  type SpawnOptions,
  Volume,
  type VsCode,
  type WalkEntry,
  type WalkOptions,
} from "@deno/sandbox";

export async function lifecycle(): Promise<string> {
  const memory: Memory = "1GiB";
  const base: BaseClientOptions = { token: "ddo_x", org: "acme", apiEndpoint: "https://example.com" };
  const options: SandboxOptions = {
    ...base,
    region: "ord",
    sandboxEndpoint: (region: string) => `https://${region}.example.com`,
    env: { A: "1" },
    timeout: "15m",
    memory,
    debug: false,
    labels: { a: "b" },
    root: "snapshot",
    volumes: { "/data": "volume" },
    allowNet: ["example.com:443"],
    secrets: { KEY: { hosts: ["example.com"], value: "x" } },
    ssh: true,
    port: 8080,
  };
  await using sandbox: Sandbox = await Sandbox.create(options);
  const connect: ConnectOptions = { ...base, debug: true };
  const others: Sandbox[] = [
    await Sandbox.connect(sandbox.id, connect),
    await Sandbox.connect({ id: sandbox.id, ...connect }),
  ];
  const end: Date = await sandbox.extendTimeout("600s");
  const { username, hostname } = sandbox.ssh ?? (await sandbox.exposeSsh());
  const url: string = sandbox.url ?? (await sandbox.exposeHttp({ port: 80 }));
  await sandbox.exposeHttp({ pid: 1 });
  await Promise.all(others.map((other) => other.close()));
  await sandbox.kill();
  await sandbox.closed;
  return [end.toISOString(), username, hostname, url].join();
}

export async function files(fs: SandboxFs): Promise<number> {
  await fs.writeTextFile("a", "text", {
    append: true,
    create: true,
    createNew: false,
    mode: 0o644,
    signal: AbortSignal.timeout(1),
  });
  await fs.writeFile("a", new Uint8Array([1]));
  await fs.writeFile("a", new ReadableStream<Uint8Array>());
  await fs.writeTextFile(new URL("file:///a"), new ReadableStream<string>());
  const bytes: Uint8Array<ArrayBuffer> = await fs.readFile("a", { signal: AbortSignal.timeout(1) });
  const text: string = await fs.readTextFile("a");
  const entries: DirEntry[] = await Array.fromAsync(fs.readDir("."));
  const info: FileInfo = await fs.stat("a");
  const times: Date[] = [info.mtime, info.atime, info.birthtime, info.ctime];
  const walk: WalkOptions = {
    maxDepth: 1,
    includeDirs: false,
    exts: [".ts"],
    match: [/x/],
    skip: [/y/],
    followSymlinks: true,
    canonicalize: true,
  };
  for await (const entry of fs.walk(".", walk)) await visit(entry);
  const glob: ExpandGlobOptions = { root: "/", exclude: ["x"], extended: true, globstar: true, caseInsensitive: false };
  for await (const entry of fs.expandGlob("**/*.ts", glob)) await visit(entry);
  await using file: FsFile = await fs.open("a", {
    read: true,
    write: true,
    truncate: true,
    create: true,
    createNew: false,
    append: false,
    mode: 0o600,
  });
  const mode: SeekMode = SeekMode.Start;
  await file.seek(1n, SeekMode.End);
  const position: number = await file.seek(0, mode);
  const count: number | null = await file.read(new Uint8Array(10));
  await file.readable.pipeTo(file.writable);
  await file.lock(true);
  await file.unlock();
  await file.utime(1, new Date());
  const umask: number = await fs.umask(0o022);
  const temporary: string = await fs.makeTempDir({ dir: "/tmp", prefix: "a", suffix: "b" });
  await fs.symlink("a", temporary, { type: "dir" });
  await fs.chown("a", null, 1);
  await fs.upload("./here", new URL("file:///there"));
  await fs.download("there", "./here");
  return bytes.length + text.length + entries.length + times.length + position + (count ?? 0) + umask;
}

async function visit({ path, name, isFile, isDirectory, isSymlink }: WalkEntry): Promise<void> {
  const all: [string, string, boolean, boolean, boolean] = [path, name, isFile, isDirectory, isSymlink];
  void all;
}

export async function processes(sandbox: Sandbox): Promise<unknown[]> {
  const options: SpawnOptions = {
    args: ["a"],
    cwd: new URL("file:///"),
    clearEnv: true,
    env: { A: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  };
  const child: ChildProcess = await sandbox.spawn("cat", options);
  const writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> = child.stdin!.getWriter();
  await writer.write(new Uint8Array([1]));
  const signal: Signal = "SIGTERM";
  await child.kill(signal);
  const status: ChildProcessStatus = await child.status;
  const output: ChildProcessOutput = await child.output();
  const bytes: Uint8Array<ArrayBuffer> | null = output.stdout;
  const oom: boolean = status.oom;
  const controller = new KillController();
  const killSignal: KillSignal = controller.signal;
  const listener: KillSignalListener = (name: Signal) => void name;
  killSignal.addListener(listener);
  const builder = sandbox.sh`echo ${["a", 1]}`
    .noThrow()
    .sudo()
    .cwd("/")
    .env("A", "1")
    .stdout("piped")
    .stderr("null")
    .signal(killSignal)
    .signal(AbortSignal.timeout(1));
  const {
    status: { success, code },
    stdoutText,
  } = await builder;
  const text: string = await builder.text();
  const json = await builder.json<{ a: number }>();
  const spawned = await builder.spawn();
  return [
    bytes,
    oom,
    success,
    code,
    stdoutText,
    text,
    json.a,
    (await spawned.output()).stderr,
    (await builder.result()).stdout,
  ];
}

export async function deno({
  deno,
  env,
  fetch,
}: {
  deno: SandboxDeno;
  env: SandboxEnv;
  fetch: Sandbox["fetch"];
}): Promise<unknown[]> {
  const file: DenoRunOptions = {
    entrypoint: new URL("file:///a.ts"),
    watch: ["x"],
    scriptArgs: ["a"],
    stdout: "piped",
  };
  const code: DenoRunOptions = { code: "1", extension: "tsx" };
  const program: DenoProcess = await deno.run(file);
  program.addEventListener("restart", () => {});
  const ready: boolean = await program.httpReady;
  const init: RequestInit = { method: "POST", headers: { a: "b" }, body: "x", redirect: "manual", signal: null };
  const answers: Response[] = [await program.fetch("http://x", init), await fetch(new URL("http://x"))];
  await using repl: DenoRepl = await deno.repl({ scriptArgs: [], env: {} });
  const value: number = await repl.eval<number>("1");
  const called = await repl.call<string>("f", 1, "a");
  const evaluated: unknown = await deno.eval("1");
  const build: Build = await deno.deploy("app", {
    path: ".",
    production: true,
    preview: false,
    build: { mode: "local", entrypoint: "main.ts", frameworkPreset: "fresh" },
  });
  const revision: Revision = await build.done;
  const variable: string | undefined = await env.get("A");
  return [
    await deno.run(code),
    ready,
    answers,
    value,
    called,
    evaluated,
    revision.status,
    variable,
    await env.toObject(),
  ];
}

export async function client(vscode: VsCode): Promise<unknown[]> {
  const client = new Client({ token: "ddo_x" });
  const apps: PaginatedList<App> = await client.apps.list({ labels: { a: "b" }, layer: "l", cursor: "c", limit: 1 });
  const volume: Volume | null = await client.volumes.get("v");
  const made: Volume = await Volume.create({ slug: "v", region: "ord", capacity: "10GB", from: "builtin:debian-13" });
  const snapshot: Snapshot = await Snapshot.create(made.id, { slug: "s" });
  const sandboxes: SandboxMetadata[] = await client.sandboxes.list({ labels: { a: "b" } });
  const app: App = await client.apps.create({
    slug: "a",
    env_vars: [{ key: "A", value: "1", secret: true, contexts: ["build"] }],
    config: { framework: "nextjs" },
  });
  await client.apps.update(app.id, {
    config: { runtime: { type: "dynamic", entrypoint: "main.ts" } },
    env_vars: [{ id: "x", delete: true }],
  });
  await client.apps.deploy(app.slug, {
    assets: { "main.ts": { kind: "file", content: "x" }, link: { kind: "symlink", target: "main.ts" } },
  });
  for await (const line of client.revisions.buildLogs("r", { step: "building" })) void line.message;
  for await (const progress of client.revisions.progress("r")) void progress.deploying.timelines[0]?.routing.status;
  const logs = await client.apps.logs("a", { start: "2026-01-01T00:00:00Z", level: "warn" });
  const [layer] = (await client.layers.list()).items;
  return [
    apps.hasMore,
    volume?.baseSnapshot?.slug,
    snapshot.volume.slug,
    sandboxes[0]?.createdAt.getTime(),
    logs.nextCursor,
    layer?.app_count,
    vscode.url,
    await vscode.status,
  ];
}

export function explain(error: unknown): string {
  if (error instanceof ConnectionEstablishmentError) return `${error.status} ${error.code} ${error.traceId}`;
  if (error instanceof ConnectionClosedError) return `${error.code} ${error.reason}`;
  if (error instanceof RpcError) return `${error.code} ${String(error.data)}`;
  if (error instanceof ApiError) return `${error.status} ${error.code} ${error.traceId}`;
  if (error instanceof SandboxKillError) return `${error.status} ${error.response}`;
  if (error instanceof SandboxCommandError) return String(error.code);
  const known = [
    InvalidMemoryError,
    InvalidTimeoutError,
    InvalidTokenError,
    MissingTokenError,
    NetworkError,
    SandboxSdkError,
  ];
  return known.some((Class) => error instanceof Class) ? (error as Error).message : "unknown";
}
