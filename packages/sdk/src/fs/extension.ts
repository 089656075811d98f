import { RpcError } from "../errors/connection.ts";
import type { Connection } from "../transport/connection.ts";
import { METHOD_NOT_FOUND } from "../transport/methods.ts";

/** The result of a Sandkeep extension; null if the server does not have it, which is remembered for the connection. */
export async function unlessLacking<T>(
  connection: Connection,
  method: string,
  call: () => Promise<T>,
): Promise<T | null> {
  if (connection.lacks(method)) return null;
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== METHOD_NOT_FOUND) throw error;
    connection.markLacking(method);
    return null;
  }
}
