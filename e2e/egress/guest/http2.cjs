// Speaks HTTP/2 as it should not be spoken. Prints a JSON object of outcomes.
const http2 = require("node:http2");
const tls = require("node:tls");
const _net = require("node:net");
const API = "api.test.example";
const EVIL = "evil.test.example";
const KEY = process.env.API_KEY;
const outcomes = {};
const TIMEOUT_MS = 8_000;

const attempts = [];
const attempt = (name, run, together = false) => attempts.push([name, run, together]);
const connect = (host, servername = host) => {
  const session = http2.connect(`https://${host}`, { rejectUnauthorized: false, servername });
  session.on("error", () => {});
  return session;
};
function ask(session, headers, body, trailers) {
  return new Promise((resolve) => {
    let status;
    const text = [];
    const outcome = (more) =>
      resolve({ ...(status && { status }), body: Buffer.concat(text).toString("latin1"), ...more });
    session.on("error", (error) => outcome({ error: error.code }));
    session.on("close", () => outcome({ error: "closed" }));
    let stream;
    try {
      stream = session.request(
        { ":path": "/", ...headers },
        { endStream: body === undefined && !trailers, waitForTrailers: Boolean(trailers) },
      );
    } catch (error) {
      return outcome({ error: error.code });
    }
    if (trailers) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.on("response", (answer) => (status = answer[":status"]));
    stream.on("data", (chunk) => text.push(chunk));
    stream.on("error", (error) => outcome({ error: error.code }));
    stream.on("end", () => outcome({}));
    stream.on("aborted", () => outcome({ error: "aborted" }));
    if (body !== undefined) stream.end(body);
    else if (trailers) stream.end();
  });
}
const once =
  (headers, host = API, servername = host) =>
  async () => {
    const session = connect(host, servername);
    try {
      return await ask(session, headers);
    } finally {
      session.destroy();
    }
  };
const mark = (name, headers = {}) => ({ "x-attempt": name, ...headers });

attempt("honest", once(mark("honest", { ":authority": API })));
attempt("other_authority", once(mark("other_authority", { ":authority": EVIL })));
attempt("other_sni", once(mark("other_sni", { ":authority": API }), API, EVIL));
attempt("denied_connection", once(mark("denied_connection", { ":authority": API }), EVIL, API));
attempt("other_host_header", once(mark("other_host_header", { ":authority": API, host: EVIL })));
attempt("only_host_header", once(mark("only_host_header", { ":authority": "", host: EVIL })));
attempt("authority_with_user", once(mark("authority_with_user", { ":authority": `${API}@${EVIL}` })));
attempt("authority_with_port", once(mark("authority_with_port", { ":authority": `${API}:8443` })));
attempt(
  "scheme_http",
  once(mark("scheme_http", { ":authority": API, ":scheme": "http", authorization: `Bearer ${KEY}` })),
);
attempt("scheme_other", once(mark("scheme_other", { ":authority": API, ":scheme": "file" })));
attempt("path_absolute", once(mark("path_absolute", { ":authority": API, ":path": `https://${EVIL}/` })));
attempt("path_relative", once(mark("path_relative", { ":authority": API, ":path": "relative" })));
attempt("path_with_space", once(mark("path_with_space", { ":authority": API, ":path": "/a HTTP/1.1\tx" })));
attempt(
  "connect_to_denied",
  once(mark("connect_to_denied", { ":method": "CONNECT", ":authority": `${EVIL}:443`, ":path": undefined })),
);
attempt("two_names_on_one_connection", async () => {
  const session = connect(API);
  const first = await ask(session, mark("coalesced_first", { ":authority": API }));
  const second = await ask(session, mark("coalesced_second", { ":authority": "allowed.test.example" }));
  const third = await ask(session, mark("coalesced_third", { ":authority": EVIL }));
  session.destroy();
  return { first: first.status, second: second.status ?? second.error, third: third.status ?? third.error };
});
attempt("secret_in_headers", once(mark("secret_in_headers", { ":authority": API, authorization: `Bearer ${KEY}` })));
attempt("secret_to_other", async () => {
  const session = connect("allowed.test.example");
  const outcome = await ask(
    session,
    mark("secret_to_other", {
      ":method": "POST",
      ":path": `/?key=${KEY}`,
      authorization: `Bearer ${KEY}`,
      cookie: `a=${KEY}`,
    }),
    `body ${KEY}`,
    { "x-trailer": KEY },
  );
  session.destroy();
  return outcome;
});
attempt("grpc", async () => {
  const session = connect(API);
  const outcome = await ask(
    session,
    mark("grpc", {
      ":method": "POST",
      ":path": "/service/Method",
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${KEY}`,
    }),
    Buffer.concat([Buffer.from([0, 0, 0, 0, 5]), Buffer.from("hello")]),
  );
  session.destroy();
  return outcome;
});

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const frame = (type, flags, stream, payload = Buffer.alloc(0)) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
/** A string of HPACK, not packed (RFC 7541 §5.2). */
function text(value) {
  const length = value.length < 127 ? [value.length] : [127];
  for (let rest = value.length - 127; value.length >= 127; rest >>= 7) {
    length.push(rest >= 128 ? (rest & 127) | 128 : rest);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(value)]);
}
const field = (name, value) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
const REQUEST = Buffer.concat([
  field(":method", "GET"),
  field(":scheme", "https"),
  field(":authority", API),
  field(":path", "/raw"),
]);
const SETTINGS = frame(4, 0, 0);

/** Writes frames until the other end is gone or all are out, and tells how that ended. */
function flood(frames, { host = API } = {}) {
  return new Promise((resolve) => {
    const socket = tls.connect({ host, port: 443, servername: host, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    let bytes = 0;
    let goaway = false;
    const done = (how) => {
      socket.destroy();
      resolve({ ended: how, goaway, bytes });
    };
    const timer = setTimeout(() => done("timeout"), TIMEOUT_MS);
    socket.on("error", (error) => (clearTimeout(timer), done(error.code)));
    socket.on("close", () => (clearTimeout(timer), done("closed")));
    socket.on("data", (chunk) => {
      for (let at = 0; at + 9 <= chunk.length; at += 9 + chunk.readUIntBE(at, 3))
        if (chunk[at + 3] === 7) goaway = true;
    });
    socket.on("secureConnect", async () => {
      if (socket.alpnProtocol !== "h2") return done("no h2");
      socket.write(Buffer.concat([PREFACE, SETTINGS]));
      for (const piece of frames()) {
        if (socket.destroyed) return;
        bytes += piece.length;
        if (!socket.write(piece))
          await new Promise((resume) => (socket.once("drain", resume), socket.once("close", resume)));
      }
      setTimeout(() => done("all sent"), 1_500);
    });
  });
}
attempt("rapid_reset", () =>
  flood(function* () {
    for (let id = 1; id < 20_000; id += 2)
      yield Buffer.concat([frame(1, 5, id, REQUEST), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]);
  }),
);
attempt("continuation_flood", () =>
  flood(function* () {
    yield frame(1, 1, 1, REQUEST);
    for (let index = 0; index < 20_000; index++) yield frame(9, 0, 1, field(`x-${index}`, "a".repeat(100)));
  }),
);
attempt("empty_continuations", () =>
  flood(function* () {
    yield frame(1, 1, 1, REQUEST);
    for (let index = 0; index < 50; index++) yield Buffer.concat(Array(1_000).fill(frame(9, 0, 1)));
  }),
);
attempt("header_bomb", () =>
  flood(function* () {
    // One large entry of the table, referred to thousands of times.
    const entry = Buffer.concat([Buffer.from([0x40]), text("x-bomb"), text("b".repeat(3_000))]);
    yield frame(1, 4 + 1, 1, Buffer.concat([REQUEST, entry, Buffer.alloc(12_000, 0x80 | 62)]));
  }),
);
attempt("settings_flood", () =>
  flood(function* () {
    for (let index = 0; index < 50; index++) yield Buffer.concat(Array(1_000).fill(frame(4, 0, 0)));
  }),
);
attempt("ping_flood", () =>
  flood(function* () {
    for (let index = 0; index < 50; index++) yield Buffer.concat(Array(1_000).fill(frame(6, 0, 0, Buffer.alloc(8))));
  }),
);
attempt("huge_frame", () =>
  flood(function* () {
    yield Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]), Buffer.alloc(1 << 20)]);
  }),
);
attempt("data_without_headers", () =>
  flood(function* () {
    yield frame(0, 1, 1, Buffer.from("x"));
  }),
);
attempt("window_overflow", () =>
  flood(function* () {
    yield frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    yield frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]));
  }),
);
attempt("dependency_on_itself", () =>
  flood(function* () {
    yield frame(1, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 16]), REQUEST]));
  }),
);
const odd = (name, ...fields) =>
  attempt(
    name,
    () =>
      flood(function* () {
        yield frame(
          1,
          5,
          1,
          Buffer.concat([REQUEST, field("x-attempt", name), ...fields.map(([key, value]) => field(key, value))]),
        );
      }),
    true,
  );
odd("upper_case_name", ["X-Upper", "1"]);
odd("connection_header", ["connection", "close"]);
odd("transfer_encoding", ["transfer-encoding", "chunked"]);
odd("line_break_in_value", ["x-a", `1\r\nhost: ${EVIL}`]);
odd("nul_in_value", ["x-a", "1\0"]);
odd("line_break_in_name", ["x-a\r\nhost", EVIL]);
odd("two_authorities", [":authority", EVIL]);
odd("unknown_pseudo", [":other", "x"]);
odd("two_paths", [":path", "/other"]);
odd("two_hosts", ["host", API], ["host", EVIL]);
attempt("no_authority", () =>
  flood(function* () {
    yield frame(
      1,
      5,
      1,
      Buffer.concat([
        field(":method", "GET"),
        field(":scheme", "https"),
        field(":path", "/"),
        field("x-attempt", "no_authority"),
      ]),
    );
  }),
);
attempt("length_that_differs", () =>
  flood(function* () {
    yield frame(
      1,
      4,
      1,
      Buffer.concat([
        field(":method", "POST"),
        field(":scheme", "https"),
        field(":authority", API),
        field(":path", "/"),
        field("content-length", "3"),
        field("x-attempt", "length_that_differs"),
      ]),
    );
    yield frame(0, 1, 1, Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  }),
);
attempt("after_all", once(mark("after_all", { ":authority": API })));

async function outcome(name, run) {
  const timeout = new Promise((resolve) => setTimeout(() => resolve({ error: "timeout" }), TIMEOUT_MS + 4_000).unref());
  outcomes[name] = await Promise.race([run().catch((error) => ({ error: error.code ?? String(error) })), timeout]);
}

(async () => {
  // Those that are over at once wait for nothing but silence: all together.
  await Promise.all(attempts.filter(([, , together]) => together).map(([name, run]) => outcome(name, run)));
  for (const [name, run, together] of attempts) if (!together) await outcome(name, run);
  console.log(JSON.stringify(outcomes));
  process.exit();
})();
