/** The control plane: organisations, tokens, sandboxes and their lifecycle, the API, events. */
export { ADMIN_TOKEN_FILE } from "./auth/bootstrap.ts";
export { defaultDataDir } from "./config/data-dir.ts";
export { ConfigError, loadConfig, parseConfig } from "./config/load.ts";
export type { Config, ConfigInput, Limits } from "./config/schema.ts";
export { EGRESS_DIR } from "./egress/sealing.ts";
export { type OpenApi, openApiDocument } from "./http/openapi/document.ts";
export { createLogger } from "./log/logger.ts";
export { writeReadyFile } from "./ready-file.ts";
export { type Server, type ServerOptions, startServer } from "./server.ts";
export { VERSION } from "./version.ts";
