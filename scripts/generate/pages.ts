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
];
