import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ImageError } from "../image.ts";
import { runCommand } from "../tools/command.ts";
import { digestOfFile, digestOfTree } from "../tools/digest.ts";

/** Folder of the agent's Go module. */
const AGENT_SOURCE_DIR = fileURLToPath(new URL("../../../../../guest", import.meta.url));

/** Where to find a current Go that is not in PATH: installations from go.dev, Debian's backports. */
const GO_DIRS = ["/usr/local/go/bin", "/usr/lib/go/bin"];
/** Length of the agent's version: enough of its sources' digest to identify them. */
const VERSION_VARIABLE = "sandkeep.dev/guest/internal/agent.Version";
const VERSION_DIGITS = 12;

/** The agent that goes into an initramfs. */
export interface Agent {
  /** Identifies the agent without building it. */
  digest: string;
  /** Returns the path of the static binary, building it in `dir` if necessary. */
  binary(dir: string, signal?: AbortSignal): Promise<string>;
}

/**
 * An agent built from its sources with the host's Go. Tests, texts and other programs beside the sources do not change its
 * id.
 */
export async function agentFromSource(dir: string = AGENT_SOURCE_DIR): Promise<Agent> {
  const irrelevant = (path: string) =>
    path.endsWith("_test.go") ||
    path.split("/").includes("testdata") ||
    path.endsWith(".md") ||
    (path.startsWith("cmd/") && !path.startsWith("cmd/agent/"));
  const digest = await digestOfTree(dir, irrelevant).catch((cause: unknown) => {
    throw new ImageError(`cannot read the guest agent's sources in ${dir}`, { cause });
  });
  return {
    digest,
    async binary(into, signal) {
      await mkdir(into, { recursive: true });
      const output = `${into}/agent`;
      // Without VCS stamping the binary depends only on the sources.
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

/** An agent built elsewhere: a static binary for Linux. */
export async function agentFromBinary(path: string): Promise<Agent> {
  return { digest: await digestOfFile(path), binary: async () => path };
}

/** Searches the usual places of Go even if they are not in PATH, as in a service or under sudo. */
export function pathWithGo(path = process.env.PATH): string {
  return [path, ...GO_DIRS].filter(Boolean).join(":");
}
