/** Whatever an upstream sends in HTTP/2 heads and trailers, every exchange ends, and no event handler throws. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type OutgoingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fc, property } from "../../../testing/property.ts";
import { Certificates, Lab } from "../../testing/lab.ts";
import {
  block,
  DATA,
  END_HEADERS,
  END_STREAM,
  type Field,
  HEADERS,
  http2Frame,
  serveFrames,
} from "../../testing/raw-http2.ts";
import { type Recorder, upstream } from "../../testing/upstreams.ts";

/** Fields that Node's HTTP/2 takes for single, and refuses to send twice. */
const SINGLE = [
  "access-control-allow-credentials",
  "access-control-max-age",
  "access-control-request-method",
  "age",
  "authorization",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-range",
  "content-type",
  "date",
  "dnt",
  "etag",
  "expires",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "range",
  "referer",
  "retry-after",
  "tk",
  "upgrade-insecure-requests",
  "user-agent",
  "x-content-type-options",
];

describe("odd answers over HTTP/2", { timeout: 120_000 }, () => {
  let dir: string;
  let odd: Recorder;
  let lab: Lab;
  let answer: (stream: number) => Buffer[] = () => [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    odd = await upstream((socket) =>
      serveFrames(socket, (type, stream) => type === HEADERS && socket.write(Buffer.concat(answer(stream)))),
    );
    lab = await Lab.start(await Certificates.make(dir), { hosts: { "odd.test": odd.port } });
  });

  after(async () => {
    await lab[Symbol.asyncDispose]();
    await odd[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  /** What a guest sees of an answer; the exchange ends, one way or the other. */
  const ask = async (head: readonly Field[], trailers: readonly Field[] | null, more: OutgoingHttpHeaders = {}) => {
    answer = (id) => [
      http2Frame(HEADERS, END_HEADERS | (trailers === null ? END_STREAM : 0), id, block(head)),
      ...(trailers === null
        ? []
        : [
            http2Frame(DATA, 0, id, Buffer.from("body")),
            http2Frame(HEADERS, END_HEADERS | END_STREAM, id, block(trailers)),
          ]),
    ];
    const count = (await lab.reports(0)).length;
    const carrier = await lab.open("odd.test", 80);
    const client = connect("http://odd.test", {
      createConnection: () => carrier,
      strictSingleValueFields: false,
    } as object);
    client.on("error", () => undefined);
    const stream = client.request({ ":path": "/", te: "trailers", ...more });
    let status: unknown;
    let raw: string[] = [];
    stream
      .on("error", () => undefined)
      .on("response", (headers) => (status = headers[":status"]))
      .on("trailers", (...[, , list]: [unknown, unknown, string[]]) => (raw = list))
      .resume();
    await once(stream, "close");
    client.destroy();
    await lab.reports(count + 1);
    return { status, trailers: raw };
  };

  test("trailers that repeat a field are passed on, whichever it is", async () => {
    // Two lengths end the stream by themselves.
    for (const name of SINGLE.filter((one) => one !== "content-length")) {
      const { status, trailers } = await ask(
        [[":status", "200"]],
        [
          [name, "1"],
          [name, "2"],
          ["x-last", "3"],
        ],
      );
      assert.equal(status, 200, name);
      assert.deepEqual(trailers.slice(-2), ["x-last", "3"], name);
    }
  });

  test("heads that repeat a field are passed on, whichever it is", async () => {
    for (const name of SINGLE.filter(
      (one) => !["content-length", "content-encoding", "host", "proxy-authorization"].includes(one),
    )) {
      assert.equal(
        (
          await ask(
            [
              [":status", "200"],
              [name, "1"],
              [name, "2"],
            ],
            null,
          )
        ).status,
        200,
        name,
      );
    }
  });

  test("requests that repeat a field are passed on", async () => {
    for (const name of ["user-agent", "referer", "if-match", "dnt"])
      assert.equal((await ask([[":status", "204"]], null, { [name]: ["a", "b"] })).status, 204, name);
  });

  test("whatever is in a head or in trailers, the exchange ends", () => {
    const name = fc.oneof(
      fc.constantFrom(
        ...SINGLE,
        ":status",
        ":path",
        ":method",
        ":protocol",
        "",
        "connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "set-cookie",
        "cookie",
        "__proto__",
        "constructor",
        "X-Upper",
        "grpc-status",
      ),
      fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 5 }),
    );
    const value = fc.oneof(
      fc.constantFrom("", " ", "1", "200", "100", "101", "199", "421", "999", "000", "gzip", "a\r\nb: c", "\0", "\xff"),
      fc.string({ maxLength: 5 }),
    );
    const fields = fc.array(fc.tuple(name, value), { maxLength: 4 });
    // Without interim answers alone: what does not answer at all is waited for.
    const head = fc
      .tuple(fc.constantFrom("200", "200", "204", "304", "421", "600", "999", "099"), fields)
      .map(([status, more]) => [[":status", status] as const, ...more]);
    return property([head, fc.option(fields)], async (first, trailers) => void (await ask(first, trailers)), {
      runs: 100,
    });
  });
});
