import { MAX_ENV, MAX_ENV_CHARS } from "../limits.ts";

/** A name as in a shell. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** OpenSSH's client sends these by default, but the guest's image has only the locale C.UTF-8: programs would warn of any other. */
const LOCALE = /^(?:LANG|LANGUAGE|LC_.*)$/;

/** Variables that a client sends for a process. */
export class Environment {
  readonly variables: Record<string, string> = {};
  #count = 0;
  #chars = 0;

  /** False if it is not accepted. */
  set(name: string, value: string): boolean {
    if (!NAME.test(name) || LOCALE.test(name) || value.includes("\0")) return false;
    this.#count++;
    this.#chars += name.length + value.length;
    if (this.#count > MAX_ENV || this.#chars > MAX_ENV_CHARS) return false;
    this.variables[name] = value;
    return true;
  }
}
