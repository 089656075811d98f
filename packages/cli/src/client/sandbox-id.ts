import { isSandboxId } from "@sandkeep/protocol/ids";
import { CliError, ExitCode, UsageError } from "../errors.ts";

/** The id from the arguments, or the one in SANDBOX_ID. @throws {UsageError} */
export function sandboxId(given: unknown, env: NodeJS.ProcessEnv): string {
  const id = typeof given === "string" && given !== "" && given !== "-" ? given : env.SANDBOX_ID;
  if (!id) throw new UsageError("no sandbox is given", "give its id, or set SANDBOX_ID");
  if (!isSandboxId(id)) {
    throw new CliError("NOT_AN_ID", `"${id}" is not the id of a sandbox`, {
      hint: "an id looks like sbx_ord_1at5nn58e77rtd11e3k3; see `sandkeep list`",
      exitCode: ExitCode.usage,
    });
  }
  return id;
}
