/**
 * Teaches `ssh2` the key exchange `mlkem768x25519-sha256`, without which OpenSSH 10.1 and later warn at every connection.
 *
 * `ssh2` has no interface for that. But all it does in this exchange is what it does in `curve25519-sha256`, with longer messages and
 * another secret. So when a KEXINIT arrives that leads to the hybrid exchange, `ssh2` is shown one that leads to `curve25519-sha256`, and the
 * exchange that it makes is changed in three methods. The version of `ssh2` is pinned, and tests with OpenSSH show that this works.
 */

import { createRequire } from "node:module";
import { answer, ask } from "./hybrid-secret.ts";
import { exchangesIn, withExchanges } from "./kexinit.ts";

const NAME = "mlkem768x25519-sha256";
const BASE = "curve25519-sha256";
const KEXINIT = 20;

/** What is used of the insides of `ssh2`: a connection's protocol. */
interface Protocol {
  _server: boolean;
  _offer: { lists: { kex: { array: string[] } } };
  _onPayload: OnPayload;
  _decipher: { _onPayload: OnPayload };
  _kex: Exchange | undefined;
}
type OnPayload = (payload: Buffer) => unknown;

/** An exchange of `ssh2`. */
interface Exchange {
  negotiated: { kex: string };
  _remoteKexinit: Buffer;
  /** The own message. */
  getPublicKey(): Buffer;
  /** The other's message as it is hashed. */
  convertPublicKey(message: Buffer): Buffer;
  computeSecret(message: Buffer): Buffer | Error;
}

export const hybridKex = {
  name: NAME,

  /** Lets the name be used in lists of algorithms. */
  register(): void {
    const require = createRequire(import.meta.url);
    const { SUPPORTED_KEX } = require("ssh2/lib/protocol/constants.js") as { SUPPORTED_KEX: string[] };
    if (!SUPPORTED_KEX.includes(NAME)) SUPPORTED_KEX.push(NAME);
  },

  /** Lets a connection use it, if its list of algorithms has it. To be called before the other side's first packet is read. */
  extend(client: object): void {
    const protocol = (client as { _protocol: Protocol })._protocol;
    /** The KEXINIT that has led to the exchange which is being made. */
    let kexinit: Buffer | null = null;
    let current = protocol._kex;
    Object.defineProperty(protocol, "_kex", {
      get: () => current,
      set(exchange: Exchange | undefined) {
        if (exchange && kexinit) makeHybrid(exchange, kexinit, protocol._server);
        current = exchange;
      },
    });
    const watch = (onPayload: OnPayload): OnPayload =>
      function (this: unknown, payload) {
        if (payload[0] !== KEXINIT || !leadsHere(payload, protocol)) return onPayload.call(this, payload);
        // `ssh2` reuses the memory of packets.
        kexinit = Buffer.from(payload);
        const names = exchangesIn(payload).filter((name) => name !== BASE);
        try {
          return onPayload.call(
            this,
            withExchanges(
              payload,
              names.map((name) => (name === NAME ? BASE : name)),
            ),
          );
        } finally {
          kexinit = null;
        }
      };
    protocol._decipher._onPayload = watch(protocol._decipher._onPayload);
    // For later exchanges of the same connection.
    protocol._onPayload = watch(protocol._onPayload);
  },
};

/** Whether the other side's KEXINIT leads to the hybrid exchange: the client's first name that the server has too counts. */
function leadsHere(payload: Buffer, { _offer, _server }: Protocol): boolean {
  const ours = _offer.lists.kex.array;
  const theirs = exchangesIn(payload);
  const [client, server] = _server ? [theirs, ours] : [ours, theirs];
  return client.find((name) => server.includes(name)) === NAME;
}

function makeHybrid(exchange: Exchange, kexinit: Buffer, isServer: boolean): void {
  exchange.negotiated.kex = NAME;
  // It is part of what both sides hash.
  exchange._remoteKexinit = kexinit;
  exchange.convertPublicKey = (message) => message;
  const asked = isServer ? null : ask();
  let reply: Buffer | null = null;
  exchange.getPublicKey = () => asked?.message ?? reply!;
  exchange.computeSecret = (message) => {
    try {
      if (asked) return asked.secret(message);
      const answered = answer(message);
      reply = answered.reply;
      return answered.secret;
    } catch (error) {
      return error as Error;
    }
  };
}
