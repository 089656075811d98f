/**
 * A server in a process of its own, until that is killed or its test ends. It verifies its disks when it is sent a message.
 * Arguments: the data folder, and the memory for the warm pool in MiB.
 */
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { createLogger, EGRESS_DIR, parseConfig, startServer } from "@sandkeep/control";
import { createHost, ensureImage } from "@sandkeep/host";
import { imagesDir } from "../../harness/server.ts";

const [dataDir = "", aheadMiB] = process.argv.slice(2);
const config = { port: 0, dataDir, log: { level: "warn" as const } };
const log = createLogger(config.log.level);
const host = await createHost({
  dataDir,
  templatesDir: join(imagesDir(), "templates"),
  image: await ensureImage({ dataDir: imagesDir() }),
  egress: { dir: join(dataDir, EGRESS_DIR), config: parseConfig(config).egress },
  aheadMemoryMiB: Number(aheadMiB),
  log,
});
const server = await startServer({ hosts: [host], config, log });
process.on("message", async () => process.send!(await Array.fromAsync(host.storage.verify())));
process.once("disconnect", () => void server.close());
const { sandboxEndpoint, apiEndpoint, token } = server;
// The next server starts faster. This one may be killed before it would write the cache.
flushCompileCache();
process.send!({ sandboxEndpoint, apiEndpoint, token });
