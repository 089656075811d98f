import type { Terminal } from "../output/terminal.ts";
import { imagesOf } from "../paths.ts";
import { ensureDaemon } from "./daemon.ts";
import { jailOf } from "./jail-choice.ts";
import { prepareImage } from "./prepare-image.ts";

/** Starts the server of a data directory in the background and reports it. Builds the image first if it is missing. */
export async function startLocalServer(dataDir: string, env: NodeJS.ProcessEnv, terminal: Terminal): Promise<void> {
  const progress = terminal.progress();
  try {
    await ensureDaemon({
      dataDir,
      env,
      prepare: async () => {
        const { requireMachines } = await import("@sandkeep/host");
        await requireMachines(jailOf(env) ?? "full", env);
        await prepareImage(imagesOf(dataDir, env), progress);
      },
      onStart: () => progress.step("Starting the server in the background"),
    });
    progress.done();
  } catch (error) {
    progress.fail();
    throw error;
  }
}
