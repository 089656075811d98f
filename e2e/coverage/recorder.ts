import type { Sdk } from "../harness/sdk.ts";

type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** Namespaces and helpers of a client, by the getter or method that returns them. */
const GIVES: Record<string, string> = {
  "Sandbox.fs": "SandboxFs",
  "Sandbox.deno": "SandboxDeno",
  "Sandbox.env": "SandboxEnv",
  "Sandbox.create": "Sandbox",
  "Sandbox.connect": "Sandbox",
  "Sandbox.sh": "SandboxCommandBuilder",
  "SandboxCommandBuilder.spawn": "SandboxCommandChild",
  "Client.apps": "Apps",
  "Client.layers": "Layers",
  "Client.revisions": "Revisions",
  "Client.sandboxes": "Sandboxes",
  "Client.snapshots": "Snapshots",
  "Client.timelines": "Timelines",
  "Client.volumes": "Volumes",
  "Sandbox.deploy": "Build",
  "SandboxDeno.deploy": "Build",
  "Sandboxes.list": "PaginatedList",
  "Snapshots.list": "PaginatedList",
  "Volumes.list": "PaginatedList",
};

/** Records every public method and getter of a client that the tests use. */
export class Recorder {
  /** As `Class.member`. */
  readonly used = new Set<string>();
  readonly #wrapped = new WeakSet<object>();

  constructor(sdk: Sdk) {
    const classes = Object.entries(sdk.module).flatMap(([name, value]) => (isClass(value) ? [{ name, value }] : []));
    const exported = new Set<object>(classes.map(({ value }) => value.prototype));
    for (const { name, value } of classes) {
      if (name.endsWith("Error")) continue;
      this.#wrap(name, value.prototype);
      this.#wrap(name, value);
      // What a class has from one that is not exported is its own.
      for (let base = baseOf(value.prototype); base && !exported.has(base); base = baseOf(base)) this.#wrap(name, base);
    }
  }

  #wrap(owner: string, target: object): void {
    if (this.#wrapped.has(target)) return;
    this.#wrapped.add(target);
    for (const key of Reflect.ownKeys(target)) {
      const descriptor = Object.getOwnPropertyDescriptor(target, key)!;
      if (key === "constructor" || key === "prototype" || !descriptor.configurable) continue;
      const member = `${owner}.${memberName(key)}`;
      if (descriptor.get) {
        const get = descriptor.get as Callable;
        const recorder = this;
        Object.defineProperty(target, key, {
          ...descriptor,
          get() {
            return recorder.#note(member, get.call(this));
          },
        });
      } else if (typeof descriptor.value === "function") {
        const method = descriptor.value as Callable;
        const recorder = this;
        const value = function (this: unknown, ...args: unknown[]) {
          return recorder.#note(member, method.apply(this, args));
        };
        Object.defineProperty(target, key, { ...descriptor, value });
      }
    }
  }

  #note(member: string, result: unknown): unknown {
    this.used.add(member);
    const gives = GIVES[member];
    // A builder is thenable: awaiting it would start its command.
    if (gives === undefined || gives === "SandboxCommandBuilder") this.#recordObject(gives, result);
    else if (result instanceof Promise) return result.then((object) => (this.#recordObject(gives, object), object));
    else this.#recordObject(gives, result);
    return result;
  }

  #recordObject(name: string | undefined, object: unknown): void {
    if (name === undefined || typeof object !== "object" || object === null) return;
    const isPlain = Object.getPrototypeOf(object) === Object.prototype;
    if (!isPlain) this.#wrap(name, Object.getPrototypeOf(object));
    // `sh` is a property of each sandbox; builds are plain objects.
    if (isPlain || name === "Sandbox") this.#wrap(name, object);
  }
}

function isClass(value: unknown): value is { prototype: object } {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

/** The prototype that another inherits from; null for that of all objects. */
function baseOf(prototype: object): object | null {
  const base = Object.getPrototypeOf(prototype) as object | null;
  return base === Object.prototype ? null : base;
}

/** As written in the typings. */
function memberName(key: string | symbol): string {
  if (key === Symbol.asyncDispose) return "[Symbol.asyncDispose]";
  if (key === Symbol.asyncIterator) return "[Symbol.asyncIterator]";
  if (key === Symbol.for("nodejs.util.inspect.custom")) return "[util.inspect.custom]";
  return String(key);
}
