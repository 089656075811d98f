import { Buffer } from "node:buffer";

/** Bytes with a buffer of their own, as web streams need it: they detach the buffer of what is enqueued. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Standard base64 with padding. */
export function toBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

/** Decodes standard base64 into a buffer of its own. */
export function fromBase64(text: string): Bytes {
  const buffer = Buffer.from(text, "base64");
  // Small buffers live in Node's shared pool, and a byte stream would detach the whole pool with them. So they are copied.
  return buffer.byteLength === buffer.buffer.byteLength
    ? new Uint8Array(buffer.buffer as ArrayBuffer)
    : new Uint8Array(buffer);
}
