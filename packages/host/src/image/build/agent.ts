import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ImageError } from "../image.ts";
import { runCommand } from "../tools/command.ts";
import { digestOfFile, digestOfTree } from "../tools/digest.ts";

/** Where the agent's Go module is. */
const AGENT_SOURCE_DIR = fileURLToPath(new URL("../../../../../guest", import.meta.url));

/** Where a current Go is when it is not in the path: installations from go.dev, Debian's backports. */
const GO_DIRS = ["/usr/local/go/bin", "/usr/lib/go/bin"];
/** What the agent gives as its version: enough of the digest of its sources to tell. */
const VERSION_VARIABLE = "sandkeep.dev/guest/internal/agent.Version";
const VERSION_DIGITS = 12;

/** The agent that goes into an initramfs. */
export interface Agent {
  /** Tells one agent from another without building it. */
  digest: string;
  /** Gives the path of the static binary, building it in `dir` if need be. */
  binary(dir: string, signal?: AbortSignal): Promise<string>;
}

/** An agent that is built from its sources with the host's Go. Tests and texts beside the sources do not change it. */
export async function agentFromSource(dir: string = AGENT_SOURCE_DIR): Promise<Agent> {
  const irrelevant = (path: string) =>
    path.endsWith("_test.go") || path.split("/").includes("testdata") || path.endsWith(".md");
  const digest = await digestOfTree(dir, irrelevant).catch((cause: unknown) => {
    throw new ImageError(`cannot read the guest agent's sources in ${dir}`, { cause });
  });
  return {
    digest,
    async binary(into, signal) {
      await mkdir(into, { recursive: true });
      const output = `${into}/agent`;
      // Without VCS stamping the binary depends on the sources alone.
      const linking = `-s -w -X ${VERSION_VARIABLE}=${digest.slice(0, VERSION_DIGITS)}`;
      const args = [
        "build",
        "-C",
        dir,
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        linking,
        "-o",
        output,
        "./cmd/agent",
      ];
      await runCommand("go", args, {
        env: { ...process.env, CGO_ENABLED: "0", GOOS: "linux", GOARCH: "amd64", PATH: pathWithGo() },
        signal,
      });
      return output;
    },
  };
}

/** An agent that was built elsewhere: a static binary for Linux. */
export async function agentFromBinary(path: string): Promise<Agent> {
  return { digest: await digestOfFile(path), binary: async () => path };
}

/** The usual places of Go are searched even if they are not in the path, as in a service or under sudo. */
export function pathWithGo(path = process.env.PATH): string {
  return [path, ...GO_DIRS].filter(Boolean).join(":");
}
