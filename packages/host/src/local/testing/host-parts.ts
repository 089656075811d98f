import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import { createFolder } from "../../machines/folder.ts";
import { MachineRegistry } from "../../machines/registry.ts";
import { openStorage } from "../../storage/testing/opened-storage.ts";
import { TemplateStore } from "../../templates/store.ts";
import type { HostParts } from "../parts.ts";

/**
 * The parts of a host without egress; those that are not given are new.
 *
 * @param dir folder for its storage and templates, which the caller removes
 */
export async function hostParts(
  dir: string,
  given: Pick<HostParts, "engine" | "runDir" | "pools"> & Partial<HostParts>,
): Promise<HostParts> {
  const { engine, runDir } = given;
  const log = silentLogger;
  const newFolder = () => createFolder(runDir);
  return {
    templates:
      given.templates ?? new TemplateStore({ dir: mkdtempSync(join(dir, "templates-")), newFolder, engine, log }),
    machines: new MachineRegistry(() => {}),
    storage: given.storage ?? (await openStorage(mkdtempSync(join(dir, "storage-")))),
    egress: null,
    caCertificates: [],
    log,
    ...given,
  };
}
