/** HTTP/1 as bytes, for requests that no client would send. */
import type { Duplex } from "node:stream";
import { readAll } from "./lab.ts";

/** Sends bytes and returns the status of each response until the connection ends; 0 if it ends without one. */
export async function statuses(stream: Duplex, bytes: string): Promise<number[]> {
  stream.write(Buffer.from(bytes, "latin1"));
  const text = await readAll(stream);
  const found = [...text.matchAll(/^HTTP\/1\.1 ([0-9]{3}) /gm)].map(([, status]) => Number(status));
  return found.length > 0 ? found : [0];
}

/** Reads one response with or without a `Content-Length`. */
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

/** A response as text, with its chunked body joined; whatever follows the last chunk remains. */
export function dechunk(answer: string): string {
  const end = answer.indexOf("\r\n\r\n") + 4;
  if (!/^transfer-encoding: *chunked/im.test(answer.slice(0, end))) return answer;
  let text = answer.slice(0, end);
  for (let at = end; ; ) {
    const line = answer.indexOf("\r\n", at);
    const size = line < 0 ? 0 : parseInt(answer.slice(at, line), 16);
    if (!size) return text + answer.slice(at);
    text += answer.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}
