/** Datagrams in a byte stream: each has its length before it, 16 bit, big endian. */
import { MAX_DATAGRAM_BYTES } from "./contract.ts";

/** The stream is not one of datagrams. */
export class BadDatagram extends Error {
  override name = "BadDatagram";
}

/** Takes bytes, gives datagrams. Holds at most one unfinished datagram. */
export class DatagramReader {
  #held: Buffer = Buffer.alloc(0);

  /** @throws {BadDatagram} for a length that no datagram has */
  push(chunk: Buffer): Buffer[] {
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const datagrams: Buffer[] = [];
    while (rest.length >= 2) {
      const length = rest.readUInt16BE(0);
      if (length > MAX_DATAGRAM_BYTES) throw new BadDatagram(`a datagram of ${length} bytes`);
      if (rest.length < 2 + length) break;
      datagrams.push(rest.subarray(2, 2 + length));
      rest = rest.subarray(2 + length);
    }
    this.#held = Buffer.from(rest);
    return datagrams;
  }
}

/** A datagram as it is sent. */
export function frameDatagram(datagram: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + datagram.length);
  framed.writeUInt16BE(datagram.length, 0);
  datagram.copy(framed, 2);
  return framed;
}
