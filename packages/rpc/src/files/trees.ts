/** Directories as archives: the guest's archive is passed to the client unchanged, and the client's to the guest. */
import type { RpcDecodedParams } from "@sandkeep/protocol";
import type { ConnectionState } from "../connection-state.ts";
import { describeFailure } from "../errors.ts";
import { openStream, upload } from "../streams/guest-io.ts";
import { sendBytes } from "../streams/send-bytes.ts";

const METHOD = "sandkeep.writeTree";

/** Starts sending a directory. @throws {GuestError} when there is none */
export async function readTree(state: ConnectionState, path: string, window?: number): Promise<{ streamId: number }> {
  const archive = openStream(state.guest, "readTree", { path }, state.signal);
  await archive.head;
  return { streamId: sendBytes(state, archive, window).id };
}

/** Receives a directory. @throws {GuestError} when it cannot be written; what was already written remains */
export async function writeTree(
  state: ConnectionState,
  { path, contentStreamId, abortId }: RpcDecodedParams<typeof METHOD>,
): Promise<{ files: number; bytes: number }> {
  const source = state.inbound.claim(contentStreamId);
  const abort = state.aborts.register(abortId, state.signal);
  try {
    const stream = openStream(state.guest, "writeTree", { path }, abort.signal);
    // A source that waits for the client's next chunk does not notice that the guest has refused.
    stream.once("close", () =>
      source.cancel({ constructorName: "Error", message: "The directory is no longer being written" }),
    );
    const written = await upload(stream, source.chunks());
    state.emit({ kind: "file.written", outcome: "ok", data: { path, bytes: written.bytes, method: METHOD } });
    return written;
  } catch (error) {
    const described = describeFailure(error);
    const message = "error" in described ? described.error.message : described.failure.message;
    state.emit({
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
