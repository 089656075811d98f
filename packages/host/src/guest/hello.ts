/** The agreement on where a connection begins (see `contract.ts`, Transport). */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { GuestGone } from "../contract.ts";
import { HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "./contract.ts";

/** More stale bytes than this before the answer is not an old connection's rest but a guest talking nonsense. */
const MAX_STALE_BYTES = 8 * 1024 * 1024;

/**
 * Says hello on a fresh connection and waits for the answer. Afterwards the socket is paused and its next byte is the
 * agent's first of HTTP/2.
 *
 * @param timeoutMs how long the agent may take to answer
 * @throws {GuestGone} when the connection ends, the time passes or the answer drowns in other bytes
 */
export function sayHello(socket: Socket, timeoutMs: number): Promise<void> {
  const nonce = randomBytes(NONCE_BYTES);
  const hello = Buffer.concat([Buffer.from(HELLO_MAGIC), nonce]);
  const ready = Buffer.concat([Buffer.from(READY_MAGIC), nonce]);
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    let stale = 0;
    const finish = (error?: Error) => {
      clearTimeout(deadline);
      socket.off("readable", read).off("close", gone).off("error", gone);
      if (error) {
        socket.destroy();
        reject(error);
      } else resolve();
    };
    const gone = () => finish(new GuestGone("The guest's control port closed before the agent answered."));
    const read = () => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
        held = held.length ? Buffer.concat([held, chunk]) : chunk;
        const at = held.indexOf(ready);
        if (at >= 0) {
          const rest = held.subarray(at + ready.length);
          if (rest.length) socket.unshift(rest);
          return finish();
        }
        stale += chunk.length;
        if (stale > MAX_STALE_BYTES) return finish(new GuestGone("The guest answers the hello with something else."));
        held = held.subarray(Math.max(0, held.length - ready.length + 1));
      }
    };
    const deadline = setTimeout(
      () => finish(new GuestGone(`The guest's agent did not answer within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    socket.on("readable", read).on("close", gone).on("error", gone);
    socket.write(hello);
  });
}
