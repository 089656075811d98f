/** One process at a time uses a data folder: it listens on a socket there, which the kernel closes with the process. */
import { rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";

/** @throws when another process holds the lock */
export async function lock(path: string): Promise<AsyncDisposable> {
  if (await answers(path))
    throw new Error(`Another Sandkeep server uses this data folder (${path}). Stop it, or choose another folder.`);
  await rm(path, { force: true });
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
  server.unref();
  return { [Symbol.asyncDispose]: () => close(server) };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
