import { RpcError } from "../errors/connection.ts";
import type { Connection } from "../transport/connection.ts";
import { METHOD_NOT_FOUND } from "../transport/methods.ts";

/** What an extension of Sandkeep's gives, or null where the server has no such call, which is then remembered. */
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
