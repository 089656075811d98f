import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { createAuthority, DAY_MS, issueServerCertificate, keyPem, newKeyPair } from "@sandkeep/common/x509";
import { answerHandshakes } from "./handshakes.ts";
import { ACME_TLS, TlsChallenges } from "./tls-challenges.ts";

const challenges = new TlsChallenges();
const CHALLENGE = { name: "box.example.com", token: "t".repeat(43), keyAuthorization: "t.thumbprint" };
const authority = await createAuthority("Test");
const keys = await newKeyPair();
const cert = await issueServerCertificate(authority, {
  commonName: "Server",
  names: [CHALLENGE.name],
  publicKey: keys.publicKey,
  validMs: DAY_MS,
});
const server = createServer({ cert, key: keyPem(keys.privateKey) }, (_request, response) => response.end("hello"));
const listener = createTcpServer((socket: Socket) =>
  answerHandshakes(challenges, socket, () => void server.emit("connection", socket)),
);
before(async () => void (await once(listener.listen(0, "127.0.0.1"), "listening")));
after(() => {
  server.closeAllConnections();
  listener.close();
});

const port = () => (listener.address() as AddressInfo).port;

function client(alpn: string[], servername = CHALLENGE.name): TLSSocket {
  return connect({
    host: "127.0.0.1",
    port: port(),
    servername,
    ALPNProtocols: alpn,
    ca: authority.pem,
    rejectUnauthorized: false,
  });
}

async function get(socket: TLSSocket): Promise<string> {
  await once(socket, "secureConnect");
  socket.write(`GET / HTTP/1.1\r\nhost: ${CHALLENGE.name}\r\nconnection: close\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

test("a certificate authority gets the challenge's certificate, and the connection ends", async () => {
  await using _ = await challenges.present(CHALLENGE);
  const socket = client([ACME_TLS]);
  await once(socket, "secureConnect");
  assert.equal(socket.alpnProtocol, ACME_TLS);
  const certificate = socket.getPeerX509Certificate()!;
  assert.equal(certificate.subjectAltName, `DNS:${CHALLENGE.name}`);
  // The extension is critical: OID, TRUE, and the digest within an octet string.
  assert.ok(certificate.raw.includes(Buffer.from("06082b0601050507011f0101ff04220420", "hex")));
  socket.resume();
  await once(socket, "close");
});

test("everybody else is served meanwhile, with the usual certificate", async () => {
  await using _ = await challenges.present(CHALLENGE);
  for (const alpn of [["http/1.1"], [], ["http/1.1", ACME_TLS]]) {
    const socket = client(alpn);
    assert.match(await get(socket), /^HTTP\/1\.1 200 [^]*hello/);
  }
});

test("a first message that arrives in pieces is read to its end", async () => {
  await using _ = await challenges.present(CHALLENGE);
  const front = createTcpServer(async (socket) => {
    const upstream = connectTcp({ port: port(), host: "127.0.0.1", noDelay: true });
    upstream.pipe(socket);
    for (const part of [socket, upstream]) part.on("error", () => {});
    socket.once("data", async (first: Buffer) => {
      socket.pause();
      for (let at = 0; at < first.length; at += 40) {
        upstream.write(first.subarray(at, at + 40));
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.pipe(upstream);
    });
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const socket = connect({
    host: "127.0.0.1",
    port: (front.address() as AddressInfo).port,
    servername: CHALLENGE.name,
    ca: authority.pem,
  });
  assert.match(await get(socket), /hello/);
  front.close();
});

test("names without a challenge, and clients that leave or send something else, harm nothing", async () => {
  await using _ = await challenges.present(CHALLENGE);
  const other = client([ACME_TLS], "other.example.com");
  // The server speaks no such protocol.
  await assert.rejects(once(other, "secureConnect"));
  const silent = connectTcp(port(), "127.0.0.1");
  await once(silent, "connect");
  silent.end();
  await once(silent.resume(), "close");
  const plain = connectTcp(port(), "127.0.0.1");
  plain.write("GET / HTTP/1.1\r\n\r\n");
  await once(plain.resume(), "close");
  assert.match(await get(client(["http/1.1"])), /hello/);
});

test("once no challenge is left, no connection is looked at", async () => {
  assert.equal(challenges.pending, false);
  let passed = 0;
  answerHandshakes(challenges, {} as Socket, () => passed++);
  assert.equal(passed, 1);
});
