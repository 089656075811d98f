/**
 * FOR TESTS ONLY: a server on local processes in its own process, so that a test can kill it. Arguments: a folder, the
 * agent's binary, a file to write when ready.
 */
import { join } from "node:path";
import { createLogger } from "../log/logger.ts";
import { writeReadyFile } from "../ready-file.ts";
import { startServer } from "../server.ts";
import { ProcessHost } from "./process-host.ts";

const [dir = "", agent = "", ready = ""] = process.argv.slice(2);
const log = createLogger("silent");
const host = new ProcessHost({ dir: join(dir, "machines"), agent });
const server = await startServer({ hosts: [host], log, config: { port: 0, dataDir: join(dir, "data") } });
await writeReadyFile(ready, server);
process.stdout.write("ready\n");
process.once("SIGTERM", () => void server.close());
