import type { Readable } from "node:stream";
import type { Principal } from "../../auth/authenticator.ts";
import { type StorageContext, storageOf } from "../context.ts";
import { findDisk, storageFailure } from "../failures.ts";
import { writeDiskFile } from "./disk-file.ts";
import { untilAbandoned } from "./until-abandoned.ts";

/**
 * The content of a snapshot as a file, to be read or destroyed.
 *
 * @param signal Aborted when nobody waits for it any more.
 * @throws {ApiError}
 */
export async function exportSnapshot(
  context: StorageContext,
  idOrSlug: string,
  { organisation, actor }: Principal,
  signal: AbortSignal,
): Promise<{ slug: string; file: Readable }> {
  const { disks, transfers, events } = context;
  const snapshot = await findDisk(disks, organisation.id, "snapshot", idOrSlug);
  const { id, slug, capacityBytes, bootable } = snapshot;
  using stack = new DisposableStack();
  stack.use(transfers.enter(organisation.id));
  const { bytes, data } = await storageOf(context, snapshot)
    .exportSnapshot(id, signal)
    .catch((error: unknown) => {
      throw storageFailure(error);
    });
  const header = { capacityBytes, bootable, dataBytes: bytes, slug, exportedAt: new Date().toISOString() };
  const file = untilAbandoned(writeDiskFile(header, data));
  signal.addEventListener("abort", () => file.destroy(), { once: true });
  if (signal.aborted) file.destroy();
  const running = stack.move();
  file.once("close", () => running.dispose());
  events.publish(
    { organisation, sandbox: null, actor },
    { kind: "snapshot.exported", outcome: "ok", data: { snapshot: id, slug } },
  );
  return { slug, file };
}
