import { join } from "node:path";

/** FOR TESTS ONLY: runs a program on a terminal, whose size changes when it is told to. */
export const TERMINAL = join(import.meta.dirname, "terminal.py");
