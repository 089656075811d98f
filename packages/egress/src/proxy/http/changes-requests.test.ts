/** Changes of policy, rules or secrets apply to a request at every step: while it waits for a hook, a connection, or its own body. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import type { PolicySpec } from "../../contract.ts";
import type { HookRequest } from "../../hooks.ts";
import { FrameReader, frame } from "../testing/frames.ts";
import { Certificates, Lab, type LabOptions, type LabSecret, readAll } from "../testing/lab.ts";
import { httpUpstream, type Recorder, upstream } from "../testing/upstreams.ts";

const VALUE = "sk-live-4242-very-secret";
const SECRET: LabSecret = { name: "KEY", value: VALUE, hosts: ["api.test"], inBody: true };
const KEY = Buffer.alloc(16, 7).toString("base64");
const RULE = { host: "api.test", methods: ["GET", "POST"], paths: ["/ok"], websocket: true };

/** What no longer permits a request for `/ok` with more than 10 bytes. */
const CHANGES: Record<string, Partial<PolicySpec>> = {
  "the host is denied": { deny: ["api.test"] },
  "the host is taken off the list": { allow: ["other.test"] },
  "a rule comes that the request does not fit": { rules: [{ host: "api.test", methods: ["DELETE"] }] },
  "its rule goes": { rules: [{ ...RULE, paths: ["/other"] }] },
  "its rule permits less": { rules: [{ ...RULE, maxRequestBytes: 10 }] },
};

describe("a change by which", () => {
  let dir: string;
  let certificates: Certificates;
  let api: Recorder;
  const labs: Lab[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
    certificates = await Certificates.make(dir);
    api = await httpUpstream(
      async (request, response) => {
        response.writeHead(200).flushHeaders();
        for await (const chunk of request) response.write(chunk);
        response.end();
      },
      { tls: await certificates.contextFor("api.test"), alpn: ["http/1.1"] },
      (server) => {
        server.on("upgrade", (request, socket: Duplex) => {
          const accept = createHash("sha1")
            .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest("base64");
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          );
          socket.resume().on("end", () => socket.end());
        });
      },
    );
  });
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab[Symbol.asyncDispose]();
  });
  after(async () => {
    await api[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const start = async (options: Partial<LabOptions> = {}) => {
    const lab = await Lab.start(certificates, { hosts: { "api.test": api.port }, ...options });
    labs.push(lab);
    return lab;
  };
  /** A request of which the first 5 bytes of the body have arrived, while the rest is still to come. */
  const halfSent = async (lab: Lab, body = "first", rest = 100): Promise<TLSSocket> => {
    const from = api.received().length;
    const tls = await lab.openTls("api.test", 443);
    tls.write(
      `POST /ok HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${body.length + rest}\r\nConnection: close\r\n\r\n${body}`,
    );
    while (!api.received().slice(from).includes(body.slice(0, 5))) await turn();
    return tls;
  };
  /** Holds a request in a hook; gives what lets it go on. */
  const inHook = () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { promise: leave, resolve: release } = Promise.withResolvers<void>();
    const onRequest = async (request: HookRequest) => {
      arrive();
      await leave;
      return request;
    };
    return { hooks: { onRequest }, arrived, release };
  };

  for (const [what, change] of Object.entries(CHANGES)) {
    describe(what, () => {
      test("counts for a request that waits for a hook", async () => {
        const hook = inHook();
        const lab = await start({ hooks: hook.hooks, policy: { rules: what.startsWith("its rule") ? [RULE] : [] } });
        const before = api.received().length;
        const tls = await lab.openTls("api.test", 443);
        tls.write("POST /ok HTTP/1.1\r\nHost: api.test\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world");
        await hook.arrived;
        lab.update(change);
        hook.release();
        assert.match(await readAll(tls), /^HTTP\/1\.1 4(03|13) /);
        assert.equal(api.received().slice(before), "");
        assert.equal((await lab.reports(1))[0]!.verdict, "denied");
      });

      test("ends a request whose body is on its way", async () => {
        const lab = await start({ policy: { rules: what.startsWith("its rule") ? [RULE] : [] } });
        const tls = await halfSent(lab);
        lab.update(change);
        tls.write("later");
        const answer = await readAll(tls);
        assert.doesNotMatch(answer, /later/);
        assert.doesNotMatch(answer, /0\r\n\r\n$/);
        assert.ok(!api.received().includes("later"));
        const event = (await lab.reports(1))[0]!;
        assert.deepEqual([event.kind, event.verdict], ["http", "denied"]);
      });

      test("ends a WebSocket", async () => {
        const lab = await start({ policy: { rules: what.startsWith("its rule") ? [RULE] : [] } });
        const tls = await lab.openTls("api.test", 443);
        tls.write(
          `GET /ok HTTP/1.1\r\nHost: api.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
        );
        assert.match(String((await once(tls, "data"))[0]), /^HTTP\/1\.1 101 /);
        tls.write(frame(1, Buffer.from("more than ten"), { mask: true }));
        const masked = frame(1, Buffer.from("more than ten"), { mask: true });
        // With rules, the frame is rewritten with a different mask.
        if (what.startsWith("its rule")) while (decoded(api).at(-1) !== "more than ten") await turn();
        else while (!api.received().includes(masked.toString("latin1"))) await turn();
        lab.update(change);
        tls.write(frame(1, Buffer.from("later"), { mask: true }));
        await readAll(tls);
        assert.ok(!decoded(api).includes("later"));
        const event = (await lab.reports(1))[0]!;
        assert.deepEqual([event.kind, event.verdict], ["http", "denied"]);
      });
    });
  }

  describe("a secret is revoked", () => {
    test("counts for a request that waits for a hook", async () => {
      const hook = inHook();
      const lab = await start({ hooks: hook.hooks, secrets: [SECRET] });
      const tls = await lab.openTls("api.test", 443);
      tls.write(
        `POST /ok?key=${lab.placeholders.KEY} HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer ${lab.placeholders.KEY}\r\nContent-Length: ${lab.placeholders.KEY!.length}\r\nConnection: close\r\n\r\n${lab.placeholders.KEY}`,
      );
      await hook.arrived;
      lab.update({}, []);
      hook.release();
      await readAll(tls);
      assert.ok(!api.received().includes(VALUE));
      assert.ok(api.received().includes(`Bearer ${lab.placeholders.KEY}`));
    });

    for (const [how, secrets] of Object.entries({
      revoked: [],
      rotated: [{ ...SECRET, value: "another value" }],
      "not for this host": [{ ...SECRET, hosts: ["other.test"] }],
    })) {
      test(`or ${how}: counts for the rest of a body that is on its way`, async () => {
        const lab = await start({ secrets: [SECRET] });
        const placeholder = lab.placeholders.KEY!;
        const from = api.received().length;
        const tls = await halfSent(lab, `first ${placeholder} `, placeholder.length);
        while (!api.received().slice(from).includes(VALUE)) await turn();
        const before = api.received().length;
        lab.update({}, secrets);
        tls.write(placeholder);
        await readAll(tls);
        assert.ok(!api.received().slice(before).includes(VALUE));
        assert.ok(
          api
            .received()
            .slice(before)
            .includes(how === "rotated" ? "another value" : placeholder),
        );
      });

      test(`or ${how}: counts for the rest of a message that is on its way`, async () => {
        const lab = await start({ secrets: [SECRET] });
        const placeholder = lab.placeholders.KEY!;
        const tls = await lab.openTls("api.test", 443);
        tls.write(
          `GET /ok HTTP/1.1\r\nHost: api.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
        );
        await once(tls, "data");
        tls.write(frame(1, Buffer.from(`${placeholder} `), { mask: true, final: false }));
        while (decoded(api).at(-1) !== `${VALUE} `) await turn();
        lab.update({}, secrets);
        tls.write(frame(0, Buffer.from(placeholder), { mask: true }));
        const wanted = how === "rotated" ? "another value" : placeholder;
        while (!decoded(api).at(-1)?.startsWith(wanted)) {
          assert.ok(!decoded(api).at(-1)?.startsWith(`${VALUE}${VALUE}`));
          await turn();
        }
      });
    }
  });

  for (const [what, change] of Object.entries<Partial<PolicySpec>>({
    "the name is denied": { deny: ["named.test"] },
    "an allow list with name and address comes": { allow: ["named.test", "203.0.113.9"] },
  })) {
    test(`${what} ends a request for a name over a connection that was made to a bare address`, async () => {
      // In the place of a public address: another proxy that says yes.
      await using proxy = await upstream(
        (socket) => void socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\n")).resume(),
      );
      const lab = await start({ hosts: {}, upstreamProxy: `http://127.0.0.1:${proxy.port}`, policy: { allow: null } });
      const stream = await lab.open("203.0.113.9", 80);
      stream.write("POST / HTTP/1.1\r\nHost: named.test\r\nContent-Length: 10\r\n\r\nfirst");
      while (!proxy.received().endsWith("first")) await turn();
      lab.update(change);
      stream.write("later");
      await readAll(stream);
      assert.ok(!proxy.received().includes("later"));
    });
  }

  test("a new allow list ends TLS that was passed through, and new rules end raw bytes", async () => {
    await using echo = await upstream((socket) => socket.pipe(socket), {
      tls: await certificates.contextFor("tls.test"),
    });
    await using raw = await upstream((socket) => socket.pipe(socket));
    const lab = await start({ hosts: { "tls.test": echo.port, "raw.test": raw.port }, policy: { allow: null } });
    const tls = await lab.openTls("tls.test", 5671, { rejectUnauthorized: false });
    tls.write("hello");
    assert.equal(String((await once(tls, "data"))[0]), "hello");
    const stream = await lab.open("raw.test", 5432);
    stream.write("\0hello");
    assert.equal(String((await once(stream, "data"))[0]), "\0hello");
    const gone = [tls, stream].map((one) => (one.destroyed ? undefined : once(one, "close")));
    lab.update({ allow: ["tls.test", "raw.test"], rules: [{ host: "raw.test", methods: ["GET"] }] });
    await Promise.all(gone);
    assert.deepEqual(
      (await lab.reports(2)).map(({ kind, reason }) => [kind, /intercepted|request rules/i.test(String(reason))]),
      [
        ["connection", true],
        ["connection", true],
      ],
    );
  });
});

/** Messages, or their parts, that an upstream got over WebSockets. */
function decoded({ received }: Recorder): string[] {
  const parts: string[] = [];
  for (const text of received().split("GET /ok ").slice(1)) {
    const reader = new FrameReader(({ payload }) => parts.push(payload.toString()));
    reader.push(Buffer.from(text.slice(text.indexOf("\r\n\r\n") + 4).split("POST /ok")[0]!, "latin1"));
  }
  return parts;
}
