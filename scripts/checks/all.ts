import { format } from "./format.ts";
import { generated } from "./generated.ts";
import { go } from "./go.ts";
import { imports } from "./imports.ts";
import { layout } from "./layout.ts";
import { npmPackage } from "./npm-package.ts";
import { python } from "./python.ts";
import type { Check } from "./runner/check.ts";
import { shell } from "./shell.ts";
import { spelling } from "./spelling.ts";
import { types } from "./types.ts";

/** Every check. Long ones start first, so that none runs alone at the end. */
export const CHECKS: Check[] = [go, types, spelling, npmPackage, shell, format, python, imports, layout, generated];
