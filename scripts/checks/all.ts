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

/** Every check. Those that take long begin first, so that none is left to run alone. */
export const CHECKS: Check[] = [go, types, spelling, npmPackage, shell, format, python, imports, layout, generated];
