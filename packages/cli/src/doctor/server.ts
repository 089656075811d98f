import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { errnoOf } from "@sandkeep/common";
import type { ServerInfo } from "@sandkeep/protocol";
import { Api } from "../client/api.ts";
import { imagesOf } from "../paths.ts";
import { readState } from "../server/state.ts";
import { findCertificates } from "./certificates.ts";
import type { Check, DoctorContext, Finding } from "./check.ts";

/** Where `sandkeep serve` listens by default. */
const DEFAULT_PORT = 7777;

/** The server on this computer and what it reports about its machines; if none runs, whether one could start. */
export const checkServer: Check = async (context) => {
  const state = readState(context.dataDir);
  if (!state) {
    return [
      { name: "server", verdict: "ok", detail: "not running; the first sandbox starts it" },
      await defaultPort(),
      await kvmDevice(context),
    ];
  }
  try {
    const info = await new Api(state).json<ServerInfo>("GET", "/api/v1/info");
    const { acceleration, jail, versions, waiting, machines, memoryBudgetMiB } = info.host;
    return [
      {
        name: "server",
        verdict: "ok",
        detail: `running (process ${state.pid}, ${state.sandboxEndpoint}, version ${info.version}), ${info.sandboxes.running} sandboxes`,
      },
      {
        name: "acceleration",
        verdict: "ok",
        detail: `${acceleration.kind === "kvm" ? "KVM" : "emulation (TCG)"}: ${acceleration.reason}`,
        ...(acceleration.kind === "tcg" && {
          repair: "sandboxes work without KVM, but slower; use a machine where KVM works to make them fast",
        }),
      },
      ...(jail === "minimal"
        ? [
            {
              name: "machines' jail",
              verdict: "warn",
              detail: "minimal, as the server was started: machines have no namespaces",
              repair: "docs/security.md explains the difference",
            } as const,
          ]
        : []),
      {
        name: "engine",
        verdict: "ok",
        detail: `${Object.entries(versions)
          .map(([k, v]) => `${k} ${v}`)
          .join(
            ", ",
          )}; ${machines} machines, ${waiting.processes + waiting.clones} in the warm pool (budget ${memoryBudgetMiB} MiB)`,
      },
      ...findCertificates(info.certificates ?? []),
    ];
  } catch (error) {
    return [
      {
        name: "server",
        verdict: "fail",
        detail: `process ${state.pid} is running but does not answer: ${(error as Error).message}`,
        repair: "run sandkeep stop, then try again",
      },
    ];
  }
};

async function kvmDevice({ dataDir, env }: DoctorContext): Promise<Finding> {
  const name = "acceleration";
  const { access, constants } = await import("node:fs/promises");
  const denied = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(() => undefined, errnoOf);
  if (denied === "ENOENT") return { name, verdict: "ok", detail: "emulation (TCG): this machine has no /dev/kvm" };
  if (denied)
    return {
      name,
      verdict: "warn",
      detail: `emulation (TCG): no permission to open /dev/kvm (${denied})`,
      repair: `as root: usermod --append --groups kvm ${process.env.USER ?? "<user>"}, then log in again`,
    };
  // What the server determined at its last start, by timing the boot of a guest.
  const verdicts = (await readFile(join(imagesOf(dataDir, env), "acceleration.json"), "utf8").then(
    JSON.parse,
    () => ({}),
  )) as Record<string, { kind: string; reason: string }>;
  const last = Object.values(verdicts).at(-1);
  if (!last)
    return {
      name,
      verdict: "ok",
      detail: "/dev/kvm exists; the first start of the server tests whether it works",
    };
  const emulated = last.kind !== "kvm";
  return {
    name,
    verdict: "ok",
    detail: `${emulated ? "emulation (TCG)" : "KVM"}: ${last.reason}`,
    ...(emulated && { repair: "if KVM works now, run sandkeep doctor --recheck" }),
  };
}

/** This only matters to `sandkeep serve`: the background server uses any free port. */
function defaultPort(): Promise<Finding> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) =>
      resolve({
        name: "port",
        verdict: "warn",
        detail: `cannot listen on port ${DEFAULT_PORT}: ${error.code === "EADDRINUSE" ? "another program uses it" : error.message}`,
        repair: "find the program with `ss -ltnp`, or use sandkeep serve --port",
      }),
    );
    probe.listen(DEFAULT_PORT, "127.0.0.1", () =>
      probe.close(() => resolve({ name: "port", verdict: "ok", detail: `${DEFAULT_PORT} is free` })),
    );
  });
}
