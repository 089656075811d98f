import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { connect } from "node:tls";
import { fc, property } from "../../testing/property.ts";
import { Sniffer } from "./opening.ts";

/** What Node's client begins with. */
function clientHello(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk);
        done();
      },
    });
    connect({ socket: stream as never, servername, ALPNProtocols: ["h2"] }).on("error", () => undefined);
  });
}

test("recognises TLS however its first message arrives, and not before it is whole", async () => {
  const hello = await clientHello("api.example.com");
  await property([fc.array(fc.integer({ min: 1, max: 300 }))], (chunks) => {
    const sniffer = new Sniffer();
    let at = 0;
    for (const size of chunks) {
      const opening = sniffer.push(hello.subarray(at, at + size));
      at = Math.min(at + size, hello.length);
      assert.equal(opening !== null, at === hello.length);
      if (!opening) continue;
      assert.deepEqual(opening, { kind: "tls", hello: { serverName: "api.example.com", alpn: ["h2"] } });
      return;
    }
  });
});
