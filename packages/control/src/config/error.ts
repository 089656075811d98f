/** The configuration is invalid; the message says where and why. */
export class ConfigError extends Error {
  override name = "ConfigError";
}
