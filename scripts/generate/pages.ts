import { openApiDocument } from "@sandkeep/control";
import { rpcDocument } from "@sandkeep/protocol";
import { cliPage } from "./cli-reference.ts";
import { errorsPage } from "./errors-page.ts";
import { architecturePage } from "./packages-picture.ts";

/** A file of the repository that is generated from the code, in whole or in part. */
export interface Page {
  /** From the root of the repository. */
  file: string;
  /** The file as it should be. */
  render(present: string): string;
}

/** Every page that is generated; `npm run generate` writes them, and a check compares them with what is there. */
export const PAGES: Page[] = [
  { file: "docs/cli.md", render: cliPage },
  { file: "docs/errors.md", render: errorsPage },
  { file: "docs/architecture.md", render: architecturePage },
  // Of no version: a release does not change what is served.
  { file: "docs/schema/openapi.json", render: () => json(openApiDocument("0")) },
  { file: "docs/schema/rpc.json", render: () => json(rpcDocument()) },
];

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
