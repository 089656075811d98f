import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { readClientHello } from "@sandkeep/common/tls";
import type { ChallengeHandshakes } from "../../contract.ts";
import { ACME_TLS } from "./tls-challenges.ts";

/** How long a client may take to send its first message, and to complete the handshake, milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Answers the connection of a certificate authority that checks a name (RFC 8737); `pass` gets every other one, as it came. Node chooses
 * the certificate before it knows which protocol a client offers, so the client's first message is read here, while such a connection is
 * expected.
 */
export function answerHandshakes(handshakes: ChallengeHandshakes, socket: Socket, pass: () => void): void {
  if (!handshakes.pending) return pass();
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT_MS);
  const fail = () => void socket.destroy();
  let bytes = Buffer.alloc(0);
  const onReadable = () => {
    for (let chunk: Buffer | null; (chunk = socket.read()) !== null; ) bytes = Buffer.concat([bytes, chunk]);
    const read = tryRead(bytes);
    if (!read) return fail();
    if (read.state === "more") return;
    finish();
    socket.unshift(bytes);
    const context = read.state === "done" ? handshakes.answerTo(read.hello) : null;
    if (context) answer(socket, context);
    else pass();
  };
  const finish = () => {
    clearTimeout(timer);
    socket.off("readable", onReadable).off("end", fail).off("error", fail).off("close", finish);
  };
  socket.on("readable", onReadable).on("end", fail).on("error", fail).on("close", finish);
}

/** Null for what cannot be read: an exception in a listener would end the server. */
function tryRead(bytes: Buffer): ReturnType<typeof readClientHello> | null {
  try {
    return readClientHello(bytes);
  } catch {
    return null;
  }
}

/** Completes the handshake, and closes: there is nothing else to say (RFC 8737, section 3). */
function answer(socket: Socket, secureContext: SecureContext): void {
  const tls = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: [ACME_TLS] });
  const timer = setTimeout(() => tls.destroy(), HANDSHAKE_TIMEOUT_MS);
  tls.on("error", () => tls.destroy());
  tls.once("secure", () => tls.end());
  tls.once("close", () => clearTimeout(timer));
  tls.resume();
}
