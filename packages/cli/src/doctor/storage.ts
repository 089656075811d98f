import type { StorageFinding } from "@sandkeep/protocol";
import { Api } from "../client/api.ts";
import { readState } from "../server/state.ts";
import type { Check, Finding, Verdict } from "./check.ts";

const VERDICTS: Record<StorageFinding["state"], Verdict> = {
  fine: "ok",
  busy: "ok",
  leak: "warn",
  orphan: "warn",
  damaged: "fail",
};

/** The data of all volumes and snapshots of the server on this computer, which checks it. */
export const checkStorage: Check = async ({ dataDir, signal }) => {
  const state = readState(dataDir);
  if (!state)
    return [
      {
        name: "server",
        verdict: "fail",
        detail: "no server is running on this computer, and only a server can check its disks",
        repair: "start it with sandkeep serve, then try again",
      },
    ];
  const response = await new Api(state).send("GET", "/api/v1/storage/findings", undefined, signal);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  const findings = lines.map((line) => finding(JSON.parse(line)));
  if (findings.length > 0) return findings;
  return [{ name: "storage", verdict: "ok", detail: "there are no volumes or snapshots" }];
};

function finding({ disk, state, detail }: StorageFinding): Finding {
  return {
    name: disk ?? "left over",
    verdict: VERDICTS[state],
    detail,
    ...(state === "damaged" && { repair: "restore it from a backup, or delete it; the server's log may say more" }),
  };
}
