export { ApiError, DeployError, SandboxKillError } from "./api.ts";
export { SandboxSdkError } from "./base.ts";
export { SandboxCommandError } from "./command.ts";
export { ConnectionClosedError, ConnectionEstablishmentError, NetworkError, RpcError } from "./connection.ts";
export { errors } from "./os.ts";
export {
  InvalidApiEndpoint,
  InvalidMemoryError,
  InvalidSandboxEndpoint,
  InvalidTimeoutError,
  InvalidTokenError,
  MissingOrgError,
  MissingTokenError,
} from "./settings.ts";
