/** Whatever curl, Python and fetch can read from an upstream also arrives through the proxy, in strictly valid form. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { fc, seed } from "../../../testing/property.ts";
import { Certificates, Lab } from "../../testing/lab.ts";

/** What a client made of an answer: null when it would not read it. */
type Reading = { status: number; body: string } | null;

const PYTHON = `
import base64, http.client, json, sys
for n in range(int(sys.argv[2])):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
        connection.request("GET", "/" + str(n))
        answer = connection.getresponse()
        print(json.dumps({"status": answer.status, "body": answer.read().decode("latin1")}))
    except Exception:
        print("null")
`;

const BODY = "<html>hello</html>\n";
const chunks = (size: (hex: string) => string, eol = "\r\n") =>
  ["7", "c", "0"]
    .map((hex, at) => `${size(hex)}${eol}${at === 2 ? "" : `${at === 0 ? BODY.slice(0, 7) : BODY.slice(7)}${eol}`}`)
    .join("") + eol;

/** Responses of real servers, from bug reports. */
const KNOWN: Record<string, string> = {
  "bare LF": `HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 19\n\n${BODY}`,
  "a blank before the colon": `HTTP/1.1 200 OK\r\nContent-Length : 19\r\n\r\n${BODY}`,
  "a folded header": `HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 19\r\n\r\n${BODY}`,
  "the same length twice": `HTTP/1.1 200 OK\r\nContent-Length: 19\r\nContent-Length: 19\r\n\r\n${BODY}`,
  "blanks after the sizes of chunks": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks((hex) => `${hex}   `)}`,
  "sizes of chunks with zeros": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks((hex) => `0000${hex}`)}`,
  "a name with a blank in it": `HTTP/1.1 200 OK\r\nContent-Length: 19\r\nX Foo: bar\r\n\r\n${BODY}`,
  "no reason phrase": `HTTP/1.1 200\r\nContent-Length: 19\r\n\r\n${BODY}`,
  "both framings": `HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n${chunks((hex) => hex)}`,
  "a control character in a header": `HTTP/1.1 200 OK\r\nX-A: b\x01c\r\nContent-Length: 19\r\n\r\n${BODY}`,
  "nothing but a status line": `HTTP/1.0 200 OK\r\n\r\n${BODY}`,
  "chunks without the last empty line": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks((hex) => hex).slice(0, -2)}`,
};

const of = (...texts: string[]) => fc.constantFrom(...texts);
const eol = fc.oneof({ weight: 3, arbitrary: fc.constant("\r\n") }, fc.constant("\n"));
const extra = of(
  "",
  "X-A: b",
  "X-A : b",
  "X A: b",
  "X-A: b\n c",
  "X-A: b\r\n\tc",
  "nonsense",
  ": b",
  "X-A:",
  "X-A: \xff\x80",
  "X-A: b\x0bc",
  "Connection: close",
  "Connection: keep-alive",
  'Content-Type: text/html; a="b"',
  "X-(A): b",
  " X-A: b",
);
const framed = fc.oneof(
  of(
    "Content-Length: 19",
    "content-length:19",
    "Content-Length: 019",
    "Content-Length: 19 ",
    "Content-Length: 19\r\nContent-Length: 19",
    "Content-Length: 19, 19",
    "Content-Length:\r\n 19",
    "Transfer-Encoding: identity",
    "",
  ).map((header) => [header, BODY] as const),
  fc
    .tuple(
      of(
        "Transfer-Encoding: chunked",
        "transfer-encoding:chunked",
        "Transfer-Encoding: Chunked ",
        "Transfer-Encoding: chunked\r\nContent-Length: 19",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
      ),
      of("N", "0N", "N ", " N", "N;a=b", "N ;a", "N\t"),
      eol,
    )
    .map(([header, size, end]) => [header, chunks((hex) => size.replace("N", hex), end)] as const),
);
const random = fc
  .tuple(
    of(
      "HTTP/1.1 200 OK",
      "HTTP/1.1 200",
      "HTTP/1.1 200 ",
      "HTTP/1.0 200 OK",
      "HTTP/1.1 404 Not Found",
      "HTTP/1.1  200 OK",
      "HTTP/1.1 200 \xfc",
    ),
    eol,
    extra,
    extra.filter((text) => !text.startsWith(" ")),
    framed,
    eol,
  )
  .map(
    ([line, end, one, two, [frame, body], last]) =>
      `${[line, one, frame, two].filter((text) => text !== "").join(end)}${end}${last}${body}`,
  );

function has(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("answers of lenient servers", { timeout: 180_000 }, () => {
  const names = Object.keys(KNOWN);
  const answers = [...Object.values(KNOWN), ...fc.sample(random, { seed: seed(), numRuns: 100 })];
  let dir: string;
  let server: Server;
  let port: number;
  let lab: Lab;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-lenient-"));
    server = createTcpServer((socket) => {
      socket
        .on("error", () => undefined)
        .once("data", (chunk: Buffer) =>
          socket.end(Buffer.from(answers[Number(/^GET \/([0-9]+)/.exec(chunk.toString())![1])]!, "latin1")),
        );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as { port: number });
    lab = await Lab.start(await Certificates.make(dir), { hosts: { "odd.test": port } });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    server.close();
    await rm(dir, { recursive: true });
  });

  /** Through the proxy, read by Node's strict parser. */
  const proxied = async (at: number): Promise<Reading> => {
    const stream = await lab.open("odd.test", 80);
    const request = httpRequest({
      createConnection: () => stream,
      path: `/${at}`,
      headers: { host: "odd.test", connection: "close" },
    }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let body = "";
    for await (const chunk of response.setEncoding("latin1")) body += chunk;
    return response.headers["sandkeep-verdict"] ? null : { status: response.statusCode!, body };
  };

  const run = promisify(execFile);

  const python = async (): Promise<Reading[]> => {
    const { stdout } = await run("python3", ["-c", PYTHON, String(port), String(answers.length)], {
      maxBuffer: 1 << 26,
    });
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Reading);
  };

  const curl = (at: number): Promise<Reading> => {
    return run("curl", ["-s", "--max-time", "20", "-w", "%{stderr}%{http_code}", `http://127.0.0.1:${port}/${at}`], {
      encoding: "latin1",
    }).then(
      ({ stdout, stderr }) => ({ status: Number(stderr), body: stdout }),
      () => null,
    );
  };

  const fetched = (at: number): Promise<Reading> =>
    fetch(`http://127.0.0.1:${port}/${at}`)
      .then(
        async (response) => ({
          status: response.status,
          body: Buffer.from(await response.arrayBuffer()).toString("latin1"),
        }),
        () => null,
      )
      .catch(() => null);

  for (const [at, name] of names.entries()) {
    test(`arrive whole: ${name}`, async () => assert.deepEqual(await proxied(at), { status: 200, body: BODY }));
  }

  test("arrive as curl, Python and fetch read them, wherever two of them agree", {
    skip: !has("curl") || !has("python3"),
  }, async () => {
    const byPython = await python();
    assert.equal(byPython.length, answers.length);
    let agreed = 0;
    for (const at of answers.keys()) {
      const readings = (await Promise.all([curl(at), byPython[at]!, fetched(at)])).filter(
        (reading) => reading !== null,
      );
      const same = readings.filter((reading) => JSON.stringify(reading) === JSON.stringify(readings[0]));
      if (readings.length < 2 || same.length < readings.length) continue;
      agreed++;
      assert.deepEqual(await proxied(at), readings[0], JSON.stringify(answers[at]));
    }
    assert.ok(
      agreed > answers.length / 3,
      `the clients agreed on ${agreed} of ${answers.length} answers: too few to say anything`,
    );
  });
});
