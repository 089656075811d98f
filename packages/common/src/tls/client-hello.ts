/**
 * Parser for the first message of TLS (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2): the server name and the offered protocols. Strict: anything
 * that is not exactly well-formed is refused, because another server might read it differently.
 */
/** Longest TLS ClientHello, bytes. With post-quantum key shares it has about 2 KiB; no client sends more than 64 KiB. */
export const MAX_CLIENT_HELLO_BYTES = 65_536;

export interface ClientHello {
  /** Server name as sent (RFC 6066 §3), or null. Visible ASCII, otherwise unchecked. */
  serverName: string | null;
  /** Offered protocols (RFC 7301), as Latin-1 strings; empty if the extension is missing. */
  alpn: string[];
}

/** `more`: well-formed so far, needs at least `wanted` bytes. `invalid`: cannot become a ClientHello. */
export type ClientHelloResult =
  | { state: "done"; hello: ClientHello }
  | { state: "more"; wanted: number }
  | { state: "invalid"; reason: string };

const RECORD_HANDSHAKE = 22;
const HANDSHAKE_CLIENT_HELLO = 1;
const RECORD_HEADER_BYTES = 5;
/** Records that a ClientHello may span. Clients use one, or two or three to get past broken filters. */
const MAX_RECORDS = 64;
/** RFC 8446 §5.1. */
const MAX_RECORD_BYTES = 16_384;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const NAME_TYPE_HOST = 0;
/** No DNS name is longer, although RFC 6066 allows it. */
const MAX_NAME_BYTES = 255;

class Invalid extends Error {}

/** Whether these first bytes could be TLS: a handshake record of SSL 3 or later. */
export function mayBeTls(bytes: Uint8Array): boolean {
  return bytes[0] === RECORD_HANDSHAKE && (bytes.length < 2 || bytes[1] === 3);
}

/** Parses the first bytes of a connection. Never throws. */
export function readClientHello(bytes: Uint8Array): ClientHelloResult {
  try {
    const message = handshakeMessage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return typeof message === "number" ? { state: "more", wanted: message } : { state: "done", hello: parse(message) };
  } catch (error) {
    if (error instanceof Invalid) return { state: "invalid", reason: error.message };
    throw error;
  }
}

/** The body of the ClientHello, joined from its records, or the number of bytes needed to continue. */
function handshakeMessage(bytes: Buffer): Buffer | number {
  const parts: Buffer[] = [];
  let have = 0;
  let wanted = 4;
  let at = 0;
  for (let record = 0; have < wanted; record++) {
    if (record === MAX_RECORDS) throw new Invalid("too many records");
    if (at < bytes.length && bytes[at] !== RECORD_HANDSHAKE) throw new Invalid("a record that is not a handshake");
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) throw new Invalid("an unknown record version");
    const from = at + RECORD_HEADER_BYTES;
    if (from > bytes.length) return bytes.length < 2 ? 2 : from;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_RECORD_BYTES) throw new Invalid("a record of invalid length");
    const part = bytes.subarray(from, from + length);
    parts.push(part);
    have += part.length;
    at = from + length;
    if (wanted === 4 && have >= 4) {
      const head = Buffer.concat(parts);
      if (head[0] !== HANDSHAKE_CLIENT_HELLO) throw new Invalid("a handshake that does not begin with a ClientHello");
      wanted = 4 + head.readUIntBE(1, 3);
      if (wanted > MAX_CLIENT_HELLO_BYTES) throw new Invalid("a ClientHello that is too long");
    }
    if (part.length < length && have < wanted) return wanted === 4 ? Math.min(at, from + 4) : at;
  }
  if (have > wanted || at > bytes.length) throw new Invalid("something after the ClientHello in its record");
  return Buffer.concat(parts).subarray(4);
}

function parse(message: Buffer): ClientHello {
  const body = new Reader(message);
  const version = body.take(2);
  if (version[0] !== 3) throw new Invalid("an unknown version");
  body.take(32);
  if (body.vector(1).length > 32) throw new Invalid("a session id that is too long");
  const suites = body.vector(2);
  if (suites.length < 2 || suites.length % 2 !== 0) throw new Invalid("a malformed list of cipher suites");
  if (body.vector(1).length === 0) throw new Invalid("no compression method");
  const hello: ClientHello = { serverName: null, alpn: [] };
  if (body.done) return hello;
  const extensions = new Reader(body.vector(2));
  body.end();
  const seen = new Set<number>();
  while (!extensions.done) {
    const type = extensions.take(2).readUInt16BE();
    const data = extensions.vector(2);
    if (seen.has(type)) throw new Invalid("the same extension twice");
    seen.add(type);
    if (type === EXTENSION_SERVER_NAME) hello.serverName = serverName(data);
    if (type === EXTENSION_ALPN) hello.alpn = protocols(data);
  }
  return hello;
}

function serverName(data: Buffer): string {
  const extension = new Reader(data);
  const list = new Reader(extension.vector(2));
  extension.end();
  const type = list.take(1)[0];
  const name = list.vector(2);
  // More than one name of the same type is forbidden, and no other type was ever defined.
  if (type !== NAME_TYPE_HOST || !list.done) throw new Invalid("a list of server names that is not one host name");
  if (name.length === 0 || name.length > MAX_NAME_BYTES) throw new Invalid("a server name of invalid length");
  if (name.some((byte) => byte <= 0x20 || byte >= 0x7f)) throw new Invalid("a server name with invalid bytes");
  return name.toString("latin1");
}

function protocols(data: Buffer): string[] {
  const extension = new Reader(data);
  const list = new Reader(extension.vector(2));
  extension.end();
  const names: string[] = [];
  while (!list.done) {
    const name = list.vector(1);
    if (name.length === 0) throw new Invalid("an empty protocol name");
    names.push(name.toString("latin1"));
  }
  if (names.length === 0) throw new Invalid("an empty list of protocols");
  return names;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new Invalid("a length that exceeds the message");
    return this.#bytes.subarray(this.#at, (this.#at += count));
  }

  /** Bytes prefixed with their length in `size` bytes. */
  vector(size: 1 | 2): Buffer {
    return this.take(this.take(size).readUIntBE(0, size));
  }

  end(): void {
    if (!this.done) throw new Invalid("something after the end");
  }
}
