import { currentUser } from "@sandkeep/host";
import type { Finding, Verdict } from "../../doctor/check.ts";
import { checkEgress } from "../../doctor/egress.ts";
import { checkForks } from "../../doctor/forks.ts";
import { checkImage } from "../../doctor/image.ts";
import { checkIsolation } from "../../doctor/isolation.ts";
import { checkPlatform } from "../../doctor/platform.ts";
import { checkPrograms } from "../../doctor/programs.ts";
import { recheck } from "../../doctor/recheck.ts";
import { checkResources } from "../../doctor/resources.ts";
import { runChecks } from "../../doctor/run-checks.ts";
import { checkServer } from "../../doctor/server.ts";
import { checkStorage } from "../../doctor/storage.ts";
import type { Colours } from "../../output/colour.ts";
import { dataDirOf } from "../../paths.ts";
import { jailOf } from "../../server/jail-choice.ts";
import type { Invocation } from "../../tree/spec.ts";

const CHECKS = [
  checkPlatform,
  checkPrograms,
  checkResources,
  checkIsolation,
  checkImage,
  checkEgress,
  checkServer,
  checkForks,
];
/** Limit for all checks together, in milliseconds; each takes milliseconds unless something hangs. */
const TIMEOUT_MS = 20_000;
/** Limit for checking all disks, in milliseconds: each takes about 100 ms, and up to minutes if it was tampered with. */
const STORAGE_TIMEOUT_MS = 60 * 60_000;

const MACHINE: Record<Verdict, string> = {
  ok: "Everything works.",
  warn: "Sandkeep works; see the warnings above.",
  fail: "Something essential is missing; see above.",
};
const DISKS: Record<Verdict, string> = {
  ok: "All data of volumes and snapshots is as it should be.",
  warn: "All data is there; what only takes space is removed by itself.",
  fail: "Data could not be checked, or is damaged; see above.",
};

/** `sandkeep doctor` */
export async function run({
  options,
  terminal,
  env,
}: Invocation<{ recheck?: boolean; storage?: boolean }>): Promise<number> {
  const dataDir = dataDirOf(options, env);
  const context = { env, dataDir, ...currentUser(), jail: jailOf(env) ?? "full" };
  const rechecked = options.recheck ? await recheck(context) : [];
  const [checks, timeoutMs] = options.storage ? [[checkStorage], STORAGE_TIMEOUT_MS] : [CHECKS, TIMEOUT_MS];
  const findings = [...rechecked, ...(await runChecks(checks, { ...context, signal: AbortSignal.timeout(timeoutMs) }))];
  const worst = (verdict: Verdict) => findings.some((finding) => finding.verdict === verdict);
  const verdict: Verdict = worst("fail") ? "fail" : worst("warn") ? "warn" : "ok";
  terminal.result({ verdict, findings }, (colour) =>
    [...findings.map((finding) => line(finding, colour)), "", (options.storage ? DISKS : MACHINE)[verdict]].join("\n"),
  );
  return verdict === "fail" ? 1 : 0;
}

function line({ name, verdict, detail, repair }: Finding, colour: Colours): string {
  const mark = { ok: colour.green("✔"), warn: colour.yellow("!"), fail: colour.red("✘") }[verdict];
  const text = `${mark} ${colour.bold(name.padEnd(20))} ${detail.replaceAll("\n", " ")}`;
  return repair ? `${text}\n  ${" ".repeat(20)} ${colour.cyan("→")} ${repair}` : text;
}
