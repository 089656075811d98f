import { join } from "node:path";
import { findImage, recheckAcceleration } from "@sandkeep/host";
import { imagesOf } from "../paths.ts";
import { readState } from "../server/state.ts";
import type { DoctorContext, Finding } from "./check.ts";

/** Discards the stored result about KVM, and boots a guest to check again, if there is an image. */
export async function recheck({
  dataDir,
  env,
  jail,
}: Pick<DoctorContext, "dataDir" | "env" | "jail">): Promise<Finding[]> {
  const name = "recheck";
  try {
    const images = imagesOf(dataDir, env);
    const image = await findImage({ dataDir: images });
    const found = await recheckAcceleration({ dataDir, templatesDir: join(images, "templates"), image, jail });
    if (!found)
      return [{ name, verdict: "ok", detail: "forgot the earlier result; the server tests KVM again when it starts" }];
    const detail = `${found.kind === "kvm" ? "KVM" : "emulation (TCG)"}: ${found.reason}`;
    return [
      {
        name,
        verdict: "ok",
        detail,
        ...(readState(dataDir) && {
          repair: "the running server keeps its earlier result until you run sandkeep stop",
        }),
      },
    ];
  } catch (error) {
    return [
      { name, verdict: "fail", detail: `a guest does not start: ${(error as Error).message}`, repair: "see below" },
    ];
  }
}
