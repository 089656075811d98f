import { Buffer } from "node:buffer";

/** A view of bytes that owns its memory, as web streams want it: they take the buffer of what is enqueued away. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Standard base64 with padding. */
export function toBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

/** The bytes of standard base64, in a buffer of their own. */
export function fromBase64(text: string): Bytes {
  const buffer = Buffer.from(text, "base64");
  // Small buffers live in Node's shared pool. A byte stream would detach the whole pool with them, so those are copied.
  return buffer.byteLength === buffer.buffer.byteLength
    ? new Uint8Array(buffer.buffer as ArrayBuffer)
    : new Uint8Array(buffer);
}
