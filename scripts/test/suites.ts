import { homedir } from "node:os";
import { join } from "node:path";
import { CHECKS } from "../checks/all.ts";
import { runChecks } from "../checks/runner/run.ts";
import { execute } from "./execute.ts";
import { goSuite } from "./go-suite.ts";
import { nodeSuite } from "./node-suite.ts";
import { one, type Suite } from "./outcome.ts";

/** Time limit for a unit test file. */
const UNIT_FILE_TIMEOUT_MS = 2 * 60_000;
/** Time limit for an end-to-end test file, which boots real machines beside another such file. */
const E2E_FILE_TIMEOUT_MS = 12 * 60_000;
/** Time limit for building an image, which downloads and unpacks a Debian. */
const IMAGE_TIMEOUT_MS = 15 * 60_000;

/** End-to-end test files at a time: one alone leaves a third of two processors idle. */
const E2E_LANES = 2;
/** End-to-end test files that take minutes. */
export const LONG_E2E_FILES = ["e2e/faults/crash-rounds.test.ts", "e2e/clients.test.ts", "e2e/examples.test.ts"];
/** End-to-end test files that run alone, because they measure times, or use all there is. */
export const LONE_E2E_FILES = [
  // Its programs have a minute each, which those that start slowly need.
  "e2e/compat/compat.test.ts",
  "e2e/egress/exhaustion.test.ts",
  "e2e/faults/clients.test.ts",
  // The warm pool is not filled while the processors are busy.
  "e2e/host/pool.test.ts",
];

/** Where the image for end-to-end tests is built, unless it exists: the usual place. */
const dataDir =
  process.env.SANDKEEP_DATA_DIR || join(process.env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "sandkeep");

const flags = ["--conditions=sandkeep-source", "--disable-warning=ExperimentalWarning"];

/** Everything that `sandkeep test` runs, in this order: whatever fails fast comes first. */
export const suites: Suite[] = [
  { name: "static checks", group: "static", covers: [], run: ({ root }) => runChecks(root, CHECKS) },
  { name: "guest agent", group: "go", covers: ["guest"], run: goSuite },
  {
    name: "unit tests",
    group: "unit",
    covers: ["packages", "bench", "scripts"],
    run: (context) =>
      nodeSuite(context, {
        patterns: ["packages/*/src/**/*.test.ts", "bench/**/*.test.ts", "scripts/**/*.test.ts"],
        concurrency: 2,
        fileTimeoutMs: UNIT_FILE_TIMEOUT_MS,
      }),
  },
  {
    name: "guest image",
    group: "e2e",
    covers: ["e2e"],
    early: true,
    run: async ({ root, say }) =>
      one(
        (await execute(
          process.execPath,
          [...flags, join(root, "packages/cli/src/main.ts"), "image", "build", "--data-dir", dataDir],
          { cwd: root, timeoutMs: IMAGE_TIMEOUT_MS, onOutput: say },
        )) === 0,
      ),
  },
  {
    name: "end-to-end tests",
    group: "e2e",
    covers: ["e2e"],
    // Their servers have separate data directories but share this computer's images.
    run: (context) =>
      nodeSuite(context, {
        env: { SANDKEEP_IMAGES: dataDir },
        patterns: ["e2e/**/*.test.ts"],
        concurrency: E2E_LANES,
        first: LONG_E2E_FILES,
        alone: LONE_E2E_FILES,
        fileTimeoutMs: E2E_FILE_TIMEOUT_MS,
      }),
  },
];
