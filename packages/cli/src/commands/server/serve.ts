import { join } from "node:path";
import { startTicks } from "@sandkeep/common/process-identity";
import type { JailKind } from "@sandkeep/host";
import { CliError, ExitCode, UsageError } from "../../errors.ts";
import { dataDirOf, imagesOf } from "../../paths.ts";
import { JAILS, jailOf } from "../../server/jail-choice.ts";
import { prepareImage } from "../../server/prepare-image.ts";
import { readState, removeState, writeState } from "../../server/state.ts";
import { stopRequest } from "../../server/stop-request.ts";
import type { CommonOptions, Invocation } from "../../tree/spec.ts";

interface Options {
  config?: string;
  host?: string;
  port?: number;
  readyFile?: string;
  background?: boolean;
  tls?: boolean;
  tlsCert?: string;
  tlsKey?: string;
  images?: string;
  leaveRunning?: boolean;
  jail?: JailKind;
  /** Milliseconds. */
  idleExit?: number;
  logLevel?: "trace" | "debug" | "info" | "warn" | "error" | "silent";
}

/** `sandkeep serve`: serves until a signal arrives, or until it has been idle for long enough. */
export async function run({ options, terminal, env }: Invocation<Options>): Promise<void> {
  const [
    { createHost, explainStart, readImage, requireMachines },
    { createLogger, EGRESS_DIR, loadConfig, startServer, VERSION, writeReadyFile },
  ] = await Promise.all([import("@sandkeep/host"), import("@sandkeep/control")]);
  const config = await loadConfig(options.config ?? null, overrides(options, env));
  const { dataDir } = config;
  const other = readState(dataDir);
  if (other) {
    throw new CliError(
      "ALREADY_RUNNING",
      `a server is already using this data directory (process ${other.pid}, ${other.sandboxEndpoint})`,
      {
        hint: "stop it with `sandkeep stop`, or choose another directory with --data-dir",
        exitCode: ExitCode.conflict,
      },
    );
  }

  const images = options.images ?? imagesOf(dataDir, env);
  const engine = engineSettings(config.engine);
  const jail = options.jail ?? jailOf(env) ?? engine.jail;
  const image = await prepareImage(images, terminal.progress(), { before: () => requireMachines(jail ?? "full", env) });
  const log = createLogger(config.log.level);
  const templatesDir = join(images, "templates");
  const egress = { dir: join(dataDir, EGRESS_DIR), config: config.egress };
  const explained = async (error: unknown): Promise<never> => {
    throw await explainStart(error, egress.dir);
  };
  const findImage = (id: string) => readImage(images, id);
  const host = await createHost({
    dataDir,
    templatesDir,
    image,
    findImage,
    log,
    egress,
    ...engine,
    ...(jail && { jail }),
  }).catch(explained);
  // From here on the server owns the host, even if it does not start.
  const server = await startServer({ hosts: [host], config, log }).catch(explained);
  // A server in the background was started for a command. At the first start, wait for the first machine of the warm pool
  // rather than boot another one beside it.
  if (options.background) await host.ready();
  const { sandboxEndpoint, apiEndpoint, token, caFile } = server;
  await writeState(dataDir, {
    pid: process.pid,
    startTicks: startTicks(process.pid)!,
    version: VERSION,
    sandboxEndpoint,
    apiEndpoint,
    token,
    caFile,
  });
  if (options.readyFile) await writeReadyFile(options.readyFile, server);
  if (process.stdout.isTTY) {
    terminal.note(`serving at ${sandboxEndpoint}; its token is in ${dataDir}/admin-token; stop with ^C`);
  }

  const { leaveRunning } = await stopRequest({
    ...(options.idleExit !== undefined && {
      idleMs: options.idleExit,
      machines: async () => (await host.info()).machines,
    }),
  });
  removeState(dataDir);
  await server.close({ leaveRunning: leaveRunning || options.leaveRunning === true });
}

function overrides(options: Options & CommonOptions, env: NodeJS.ProcessEnv) {
  const { host, port, tls, tlsCert, tlsKey, logLevel } = options;
  if (Boolean(tlsCert) !== Boolean(tlsKey))
    throw new UsageError("--tls-cert and --tls-key need each other", "give both");
  const tlsConfig =
    tlsCert && tlsKey ? { certFile: tlsCert, keyFile: tlsKey } : tls ? ("local-ca" as const) : undefined;
  // A configuration file may name the data directory; the default must not override it.
  const dataDir = options.dataDir ?? (options.config ? undefined : dataDirOf(options, env));
  return {
    ...(host && { host }),
    ...(port !== undefined && { port }),
    ...(dataDir && { dataDir }),
    ...(tlsConfig && { tls: tlsConfig }),
    ...(logLevel && { log: { level: logLevel } }),
  };
}

interface EngineSettings {
  accelerator?: "auto" | "kvm" | "tcg";
  aheadMemoryMiB?: number;
  templatesMiB?: number;
  jail?: JailKind;
}

const isWhole = (value: unknown) => Number.isInteger(value) && Number(value) >= 0;

/** The configuration of the machine engine. @throws {CliError} */
function engineSettings(settings: Record<string, unknown>): EngineSettings {
  const { accelerator, aheadMemoryMiB, templatesMiB, jail, ...unknown } = settings;
  const wrong =
    Object.keys(unknown)[0] ??
    (accelerator === undefined || ["auto", "kvm", "tcg"].includes(String(accelerator)) ? undefined : "accelerator") ??
    (jail === undefined || JAILS.some((kind) => kind === jail) ? undefined : "jail") ??
    (aheadMemoryMiB === undefined || isWhole(aheadMemoryMiB) ? undefined : "aheadMemoryMiB") ??
    (templatesMiB === undefined || isWhole(templatesMiB) ? undefined : "templatesMiB");
  if (wrong) {
    throw new CliError("CONFIG", `engine.${wrong} in the configuration is not valid`, {
      hint: "engine has `accelerator` (auto, kvm or tcg), `jail` (full or minimal), `aheadMemoryMiB` and `templatesMiB` (whole numbers)",
      exitCode: ExitCode.usage,
    });
  }
  return {
    ...(accelerator !== undefined && { accelerator: accelerator as "auto" | "kvm" | "tcg" }),
    ...(jail !== undefined && { jail: jail as JailKind }),
    ...(aheadMemoryMiB !== undefined && { aheadMemoryMiB: aheadMemoryMiB as number }),
    ...(templatesMiB !== undefined && { templatesMiB: templatesMiB as number }),
  };
}
