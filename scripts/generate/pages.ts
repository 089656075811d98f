import { openApiDocument } from "@sandkeep/control";
import { rpcDocument } from "@sandkeep/protocol";
import { cliPage } from "./cli-reference.ts";
import { errorsPage } from "./errors-page.ts";
import { architecturePage } from "./packages-picture.ts";

/** A file of the repository that is generated from the code, entirely or partly. */
export interface Page {
  /** From the root of the repository. */
  file: string;
  /** The current content of the file. */
  render(present: string): string;
}

/** Every generated page; `npm run generate` writes them, and a check compares them with the files. */
export const PAGES: Page[] = [
  { file: "docs/cli.md", render: cliPage },
  { file: "docs/errors.md", render: errorsPage },
  { file: "docs/architecture.md", render: architecturePage },
  // Without a version, because a release does not change what is served.
  { file: "docs/schema/openapi.json", render: () => json(openApiDocument("0")) },
  { file: "docs/schema/rpc.json", render: () => json(rpcDocument()) },
];

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
