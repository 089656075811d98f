/** HTTP/1 as bytes, for requests that no client would send. */
import type { Duplex } from "node:stream";
import { readAll } from "./lab.ts";

/** Sends bytes and gives the status of each answer until the connection ends; 0 for a connection that ends without one. */
export async function statuses(stream: Duplex, bytes: string): Promise<number[]> {
  stream.write(Buffer.from(bytes, "latin1"));
  const text = await readAll(stream);
  const found = [...text.matchAll(/^HTTP\/1\.1 ([0-9]{3}) /gm)].map(([, status]) => Number(status));
  return found.length > 0 ? found : [0];
}

/** Reads one answer with a `Content-Length` or none. */
export function readAnswer(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const done = () => {
      stream.off("data", take).off("close", done).off("end", done);
      resolve(text);
    };
    const take = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = /^content-length: *([0-9]+)/im.exec(text.slice(0, end))?.[1];
      const whole = length !== undefined ? text.length >= end + 4 + Number(length) : text.endsWith("0\r\n\r\n");
      if (whole) done();
    };
    stream.on("data", take).on("close", done).on("end", done);
  });
}
