/** Datagrams in a byte stream, each prefixed with its length (16 bits, big endian). */
import { MAX_DATAGRAM_BYTES } from "./contract.ts";

/** The stream does not consist of datagrams. */
export class BadDatagram extends Error {
  override name = "BadDatagram";
}

/** Splits bytes into datagrams. Holds at most one incomplete datagram. */
export class DatagramReader {
  #held: Buffer = Buffer.alloc(0);

  /** @throws {BadDatagram} if a length exceeds the largest datagram's */
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

/** A datagram with its length prefix. */
export function frameDatagram(datagram: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + datagram.length);
  framed.writeUInt16BE(datagram.length, 0);
  datagram.copy(framed, 2);
  return framed;
}
