/** An upstream cannot read a request in bytes that the proxy has not parsed as one. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { seed } from "../../testing/property.ts";
import { Certificates, Lab, readAll } from "../testing/lab.ts";
import { type Recorder, upstream } from "../testing/upstreams.ts";

/** A lenient server: of Python's standard library, it says which paths it answered. */
const PYTHON = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        sys.stdout.write("answered " + ascii(self.path) + "\\n"); sys.stdout.flush()
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    do_GET = do_POST = do_FOO = answer
    def log_message(self, *args): pass
    def log_error(self, *args):
        sys.stdout.write("refused\\n"); sys.stdout.flush()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
sys.stdout.write("port %d\\n" % server.server_port); sys.stdout.flush()
server.serve_forever()
`;

const HOST = "Host: evil.test\r\n\r\n";
/** Ways to write a request that a strict parser does not take for one. */
const ATTEMPTS = [
  ..."\x0b \x0c \x1c \x1d \x1e \x1f \x85 \xa0"
    .split(" ")
    .flatMap((blank) => [
      `GET${blank}/raw${blank}HTTP/1.1\r\n${HOST}`,
      `FOO${blank}/raw${blank}HTTP/1.1\r\n${HOST}`,
      `${blank}GET /raw HTTP/1.1\r\n${HOST}`,
      `GET${blank}/raw\r\n`,
      `GET /raw${blank}HTTP/1.1\r\n${HOST}`,
      `GET /raw${blank} HTTP/1.1\r\nHost: python.test\r\n\r\n`,
    ]),
  "GET /raw\xe2\x80\x83 HTTP/1.1\r\nHost: python.test\r\n\r\n",
  `GET\r/raw\rHTTP/1.1\n${HOST}`,
  `\x16no TLS\nGET /raw HTTP/1.1\r\n${HOST}`,
  `what\r\nGET /raw HTTP/1.1\r\n${HOST}`,
  `\0\r\n\r\n\r\nFOO /raw HTTP/1.1\r\n${HOST}`,
  `what\rGET /raw HTTP/1.1\r\n${HOST}`,
  `\nwhat\n\nget /raw http/1.1\r\n${HOST}`,
  `${"x".repeat(60_000)}\nGET /raw HTTP/1.1\r\n${HOST}`,
  `${"line\n".repeat(10_000)}FOO /raw HTTP/1.1\r\n${HOST}`,
];

describe("where HTTP is spoken", () => {
  let dir: string;
  let certificates: Certificates;
  let python: ChildProcess;
  let said = "";
  let lenient: Recorder;
  let secure: Recorder;
  let lab: Lab;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    python = spawn("python3", ["-c", PYTHON], { stdio: ["ignore", "pipe", "inherit"] });
    python.stdout!.on("data", (chunk: Buffer) => (said += chunk.toString()));
    while (!/^port \d+\n/.test(said)) await once(python.stdout!, "data");
    // Takes down everything, and answers nothing.
    const serve = (socket: Duplex) => void socket.resume().on("end", () => socket.end());
    lenient = await upstream(serve);
    secure = await upstream(serve, { tls: await certificates.contextFor("secure.test") });
    lab = await Lab.start(certificates, {
      hosts: { "python.test": Number(/\d+/.exec(said)![0]), "lenient.test": lenient.port, "secure.test": secure.port },
    });
  });
  after(async () => {
    await lab?.[Symbol.asyncDispose]();
    python?.kill("SIGKILL");
    await lenient?.[Symbol.asyncDispose]();
    await secure?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  /** Sends it in pieces of `size` bytes, then ends. Returns what comes back. */
  const send = async (stream: Duplex, text: string, size = text.length) => {
    const bytes = Buffer.from(text, "latin1");
    for (let at = 0; at < bytes.length && stream.writable; at += size) stream.write(bytes.subarray(at, at + size));
    stream.end();
    return readAll(stream);
  };

  test("the lenient server answers what the proxy is to keep from it", async () => {
    const { connect } = await import("node:net");
    const socket = connect(Number(/\d+/.exec(said)![0]), "127.0.0.1");
    assert.match(await send(socket, `GET\x0b/proof\x0bHTTP/1.1\r\n${HOST}`), /^HTTP\/1\.1 200 /);
    assert.match(said, /answered '\/proof'/);
  });

  test("nothing that is no request to a strict parser is one to Python's server, whole or byte by byte", async () => {
    for (const port of [80, 8080]) {
      for (const attempt of ATTEMPTS) {
        for (const size of attempt.length > 1_000 ? [attempt.length, 1_000] : [attempt.length, 1]) {
          const answer = await send(await lab.open("python.test", port), attempt, size);
          assert.doesNotMatch(answer, /200/, JSON.stringify(attempt.slice(-60)));
        }
      }
    }
    assert.doesNotMatch(said, /\/raw/);
  });

  test("the end of such a line does not leave, in the clear and within TLS, and it is on record", async () => {
    for (const attempt of ATTEMPTS) {
      const before = [lenient.received().length, secure.received().length];
      const count = (await lab.reports(0)).length;
      await send(await lab.open("lenient.test", 80), attempt);
      await send(await lab.openTls("secure.test", 9443), attempt);
      for (const [at, { received }] of [lenient, secure].entries()) {
        const got = received().slice(before[at]);
        assert.ok(!/\/raw[^]{0,9}[\r\n]/.test(got) && !got.includes("evil.test"), JSON.stringify(got.slice(-60)));
      }
      for (const { verdict, reason } of (await lab.reports(count + 2)).slice(-2))
        assert.equal(verdict, "denied", `${reason} ${JSON.stringify(attempt.slice(-60))}`);
    }
  });

  test("a request hidden in what goes before TLS, or in its offer of protocols, does not leave", async () => {
    const before = lenient.received().length;
    const stream = await lab.open("lenient.test", 443);
    const tls = connectTls({
      socket: stream as never,
      servername: "lenient.test",
      ALPNProtocols: ["x\nGET /raw HTTP/1.1\r\nHost: evil.test\r\n\r\n", "MKCALENDAR", "imap"],
      rejectUnauthorized: false,
    });
    tls.on("error", () => undefined);
    while (lenient.received().length === before) await new Promise(setImmediate);
    const hello = lenient.received().slice(before);
    assert.ok(hello.includes("imap"), "an offer that is one is passed on");
    assert.ok(!hello.includes("/raw") && !hello.includes("MKCALENDAR"), hello);
    tls.destroy();
  });

  test("a request hidden in a ClientHello that is passed through does not leave", async () => {
    await using open = await Lab.start(certificates, {
      hosts: { "lenient.test": lenient.port },
      policy: { allow: null },
    });
    const before = lenient.received().length;
    const stream = await open.open("lenient.test", 80);
    const tls = connectTls({
      socket: stream as never,
      servername: "lenient.test",
      ALPNProtocols: ["x\nGET /raw HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
      rejectUnauthorized: false,
    });
    tls.on("error", () => undefined);
    await readAll(stream);
    assert.ok(!lenient.received().slice(before).includes("/raw"));
  });
});

describe("other protocols", () => {
  let dir: string;
  let lab: Lab;
  const open: AsyncDisposable[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    const certificates = await Certificates.make(dir);
    const echo = await upstream((socket) => socket.pipe(socket));
    const imap = await upstream(
      (socket) => {
        socket.write("* OK IMAP4rev1\r\n");
        socket.pipe(socket);
      },
      { tls: await certificates.contextFor("imap.test") },
    );
    const silent = await upstream((socket) => void socket.resume().on("end", () => socket.end()));
    const web = await upstream(
      (socket) => void socket.once("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    lab = await Lab.start(certificates, {
      hosts: { "echo.test": echo.port, "imap.test": imap.port, "silent.test": silent.port, "web.test": web.port },
    });
    open.push(lab, echo, imap, silent, web);
  });
  after(async () => {
    for (const one of open) await one[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  test("go on as they like once the upstream has answered in another language, on HTTP's ports and within TLS too", async () => {
    const stream = await lab.open("echo.test", 443);
    stream.write("SSH-2.0-me\r\n");
    assert.equal(String((await once(stream, "data"))[0]), "SSH-2.0-me\r\n");
    stream.end("mail\r\nGET / HTTP/1.1\r\nFOO / HTTP/1.1");
    assert.equal(await readAll(stream), "mail\r\nGET / HTTP/1.1\r\nFOO / HTTP/1.1");
    const tls = await lab.openTls("imap.test", 993);
    assert.equal(String((await once(tls, "data"))[0]), "* OK IMAP4rev1\r\n");
    tls.end("a APPEND\r\nGET / HTTP/1.1\r\n");
    assert.equal(await readAll(tls), "a APPEND\r\nGET / HTTP/1.1\r\n");
  });

  test("may have such lines on other ports, but not first", async () => {
    const stream = await lab.open("silent.test", 514);
    const count = (await lab.reports(0)).length;
    stream.end("<134>log\nGET / HTTP/1.1\n");
    await readAll(stream);
    const event = (await lab.reports(count + 1)).at(-1)!;
    assert.deepEqual([event.kind, event.verdict, event.bytesUp], ["connection", "allowed", 24]);
    await readAll((await lab.open("silent.test", 514)).end("\x0bGET\x0b/x\n"));
    assert.equal((await lab.reports(count + 2)).at(-1)!.verdict, "denied");
  });

  test("are not what an upstream speaks that answers in HTTP: the connection ends", async () => {
    const stream = await lab.open("web.test", 9000);
    const count = (await lab.reports(0)).length;
    stream.write("hello\n");
    await readAll(stream);
    assert.equal((await lab.reports(count + 1)).at(-1)!.verdict, "denied");
  });

  test("wait for nothing: each byte of a client is passed on as it comes", async () => {
    const random = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 7919 + seed()) & 255));
    for (const port of [80, 5432]) {
      const stream = await lab.open("echo.test", port);
      for (const byte of random.subarray(0, 100)) {
        stream.write(Buffer.from([byte]));
        assert.equal(((await once(stream, "data")) as [Buffer])[0][0], byte);
      }
      stream.destroy();
    }
  });
});
