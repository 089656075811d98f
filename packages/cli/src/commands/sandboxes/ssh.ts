import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Door, ExposeSshAnswer, ServerInfo } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { CliError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  print?: boolean;
}

/** `sandkeep ssh <id> [args...]` */
export async function run(invocation: Invocation<Options>): Promise<number | void> {
  const { args, options, terminal, env } = invocation;
  const id = sandboxId(args[0] as string | undefined, env);
  const api = new Api(await requireTarget(invocation));
  const access = (await existing(api, id)) ?? (await open(api, id));
  const { hostname, username, port } = access;
  if (options.print || terminal.json)
    return terminal.result({ id, ...access }, () => `ssh ${username}@${hostname} -p ${port}`);

  const folder = await mkdtemp(join(tmpdir(), "sandkeep-ssh-"));
  try {
    const configuration = join(folder, "config");
    await writeFile(configuration, await sshConfiguration(id, access, folder), { mode: 0o600 });
    // OpenSSH takes options after the destination too, and then the command.
    const rest = (args[1] as string[] | undefined) ?? [];
    const byHand = `ssh -p ${port} ${username}@${hostname}`;
    return await passThrough("ssh", ["-F", configuration, id, ...rest], byHand);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Not as arguments, which everybody on this computer can see: the user name is the credential. The user's own settings apply, too. */
async function sshConfiguration(
  id: string,
  { hostKey, hostname, port, username }: ExposeSshAnswer,
  folder: string,
): Promise<string> {
  // The API has told us the server's key, so that nobody has to confirm it.
  const knownHosts = join(folder, "known_hosts");
  await writeFile(knownHosts, `${id} ${hostKey}\n`);
  return `Host ${id}
  HostName ${hostname}
  Port ${port}
  User ${username}
  HostKeyAlias ${id}
  UserKnownHostsFile "${knownHosts.replaceAll("%", "%%")}"
  StrictHostKeyChecking yes
  PreferredAuthentications none,publickey
Host *
  Include ~/.ssh/config
  Include /etc/ssh/ssh_config
`;
}

/** How to log in through a door that is open already: each is a way in until the sandbox ends, and their number is limited. */
async function existing(api: Api, id: string): Promise<ExposeSshAnswer | null> {
  const doors = await api.json<Door[]>("GET", `/api/v1/doors?sandbox=${encodeURIComponent(id)}`);
  const door = doors.find(({ kind, auth }) => kind === "ssh" && auth === "none");
  if (!door) return null;
  const { ssh } = await api.json<ServerInfo>("GET", "/api/v1/info");
  return ssh && { ...ssh, username: door.name };
}

async function open(api: Api, id: string): Promise<ExposeSshAnswer> {
  return await api.json<ExposeSshAnswer>("POST", `/api/v3/sandbox/${id}/expose/ssh`, {});
}

/** Runs a program on this terminal, and returns its exit code. */
async function passThrough(file: string, args: string[], byHand: string): Promise<number> {
  const child = spawn(file, args, { stdio: "inherit" });
  const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  // Keys such as Ctrl+C reach it too; it decides.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  try {
    const [code, signal] = await ended;
    return code ?? 128 + constants.signals[signal!];
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new CliError("NO_SSH", "there is no OpenSSH client on this computer", {
      hint: `install one (on Debian: apt-get install openssh-client), or connect from elsewhere with \`${byHand}\``,
      cause,
    });
  } finally {
    process.off("SIGINT", ignore);
  }
}
