/**
 * The agreement on where a connection begins. A serial port may still hold bytes of an earlier connection: the host writes
 * {@link HELLO_MAGIC} and a random nonce, the agent skips everything up to the magic and answers {@link READY_MAGIC} and the
 * same nonce; the host skips everything up to that. What the port carries follows in both directions.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";

/** ASCII, sent by the host at the beginning of a connection, followed by {@link NONCE_BYTES} random bytes. */
export const HELLO_MAGIC = "SANDKEEP-HELLO/1";
/** ASCII, the agent's answer, followed by the host's nonce. */
export const READY_MAGIC = "SANDKEEP-READY/1";
/** Length of the nonce that follows both magics, in bytes. */
export const NONCE_BYTES = 16;

/** The agent did not answer as it should. */
export class HelloError extends Error {
  override name = "HelloError";
}

/** More stale bytes than this before the answer is not an old connection's rest but a guest talking nonsense. */
const MAX_STALE_BYTES = 8 * 1024 * 1024;

/**
 * Says hello on a fresh connection and waits for the answer. Afterwards the socket is paused and its next byte is the
 * agent's first after the hello.
 *
 * @param timeoutMs how long the agent may take to answer
 * @param running resolves when the guest runs, if it does not yet: the time counts from then on. If it never does, only
 * the end of the connection ends the waiting.
 * @throws {HelloError} when the connection ends, the time passes or the answer drowns in other bytes
 */
export function sayHello(socket: Socket, timeoutMs: number, running = Promise.resolve()): Promise<void> {
  const nonce = randomBytes(NONCE_BYTES);
  const hello = Buffer.concat([Buffer.from(HELLO_MAGIC), nonce]);
  const ready = Buffer.concat([Buffer.from(READY_MAGIC), nonce]);
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    let stale = 0;
    let deadline: NodeJS.Timeout | undefined;
    let finished = false;
    const finish = (error?: Error) => {
      finished = true;
      clearTimeout(deadline);
      socket.off("readable", read).off("close", gone).off("error", gone);
      if (error) {
        socket.destroy();
        reject(error);
      } else resolve();
    };
    const gone = () => finish(new HelloError("The guest's port closed before the agent answered."));
    const read = () => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null; ) {
        held = held.length ? Buffer.concat([held, chunk]) : chunk;
        const at = held.indexOf(ready);
        if (at >= 0) {
          const rest = held.subarray(at + ready.length);
          if (rest.length) socket.unshift(rest);
          return finish();
        }
        stale += chunk.length;
        if (stale > MAX_STALE_BYTES) return finish(new HelloError("The guest answers the hello with something else."));
        held = held.subarray(Math.max(0, held.length - ready.length + 1));
      }
    };
    const late = () => finish(new HelloError(`The guest's agent did not answer within ${timeoutMs} ms.`));
    const startClock = () => {
      if (!finished) deadline = setTimeout(late, timeoutMs);
    };
    running.then(startClock, () => {});
    socket.on("readable", read).on("close", gone).on("error", gone);
    socket.write(hello);
  });
}
