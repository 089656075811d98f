/** Whole directories as archives: what the guest packs goes to the client as it is, and what the client packs to the guest. */
import type { RpcDecodedParams } from "@sandkeep/protocol";
import type { Client } from "../connection-state.ts";
import { describeFailure } from "../errors.ts";
import { openStream, upload } from "../streams/guest-io.ts";
import { sendBytes } from "../streams/send-bytes.ts";

const METHOD = "sandkeep.writeTree";

/** Begins to send a directory. @throws {GuestError} when there is none */
export async function readTree(client: Client, path: string, window?: number): Promise<{ streamId: number }> {
  const archive = openStream(client.guest, "readTree", { path }, client.signal);
  await archive.head;
  return { streamId: sendBytes(client, archive, window).id };
}

/** Takes a directory. @throws {GuestError} when it cannot be written; what was written until then stays */
export async function writeTree(
  client: Client,
  { path, contentStreamId, abortId }: RpcDecodedParams<typeof METHOD>,
): Promise<{ files: number; bytes: number }> {
  const source = client.inbound.claim(contentStreamId);
  const abort = client.aborts.register(abortId, client.signal);
  try {
    const stream = openStream(client.guest, "writeTree", { path }, abort.signal);
    // A source that waits for the client's next chunk does not notice that the guest has refused.
    stream.once("close", () =>
      source.cancel({ constructorName: "Error", message: "The directory is no longer being written" }),
    );
    const written = await upload(stream, source.chunks());
    client.emit({ kind: "file.written", outcome: "ok", data: { path, bytes: written.bytes, method: METHOD } });
    return written;
  } catch (error) {
    const described = describeFailure(error);
    const message = "error" in described ? described.error.message : described.failure.message;
    client.emit({
      kind: "file.written",
      outcome: "failed",
      data: { path, bytes: null, method: METHOD, error: message },
    });
    throw error;
  } finally {
    abort.done();
    source.cancel({ constructorName: "Error", message: "The directory was not written" });
  }
}
