import type { Sealer } from "@sandkeep/egress";
import {
  ApiError,
  ENV_VARS,
  type EnvVar,
  type EnvVarInit,
  type EnvVarUpdate,
  newAppId,
  secretValueSchema,
} from "@sandkeep/protocol";
import type { EnvVarRecord } from "@sandkeep/store";
import { checkSpec } from "../egress/check.ts";

/** New variables of an app or a layer. Values of secrets are sealed. @throws {ApiError} `INVALID_REQUEST` */
export function newEnvVars(inits: readonly EnvVarInit[], sealer: Sealer): EnvVarRecord[] {
  return checked(inits.map((init) => newEnvVar(init, sealer)));
}

function newEnvVar({ key, value, secret, contexts, hosts }: EnvVarInit, sealer: Sealer): EnvVarRecord {
  const id = newAppId();
  const isSecret = secret ?? false;
  if (hosts) checkHosts(key, value, hosts, isSecret);
  return {
    id,
    key,
    value: isSecret ? sealer.seal(value, id) : value,
    secret: isSecret,
    contexts: contexts ?? "all",
    ...(hosts && { hosts }),
  };
}

/** Changes single variables, and adds those that are new. @throws {ApiError} `INVALID_REQUEST` */
export function changedEnvVars(
  before: readonly EnvVarRecord[],
  updates: readonly EnvVarUpdate[],
  sealer: Sealer,
): EnvVarRecord[] {
  const vars = [...before];
  for (const update of updates) {
    const at = placeOf(vars, update);
    if (update.delete) {
      if (at !== null) vars.splice(at, 1);
    } else if (at === null) {
      const { key, value } = update;
      if (!key || typeof value !== "string")
        throw invalid(`The new variable ${key ?? update.id} needs a key and a value.`);
      vars.push(newEnvVar({ ...update, key, value }, sealer));
    } else vars[at] = changedEnvVar(vars[at]!, update, sealer);
  }
  return checked(vars);
}

function placeOf(vars: readonly EnvVarRecord[], { id, key }: EnvVarUpdate): number | null {
  if (id) {
    const at = vars.findIndex((one) => one.id === id);
    if (at < 0) throw invalid(`There is no variable with the id ${JSON.stringify(id)}.`);
    return at;
  }
  const places = vars.flatMap((one, at) => (one.key === key ? [at] : []));
  if (places.length > 1) throw invalid(`Several variables are called ${key}: name one by its id.`);
  return places[0] ?? null;
}

function changedEnvVar(before: EnvVarRecord, update: EnvVarUpdate, sealer: Sealer): EnvVarRecord {
  const { id } = before;
  const key = update.key ?? before.key;
  const secret = update.secret ?? before.secret;
  const hosts = update.hosts ?? (secret ? before.hosts : undefined);
  const { value } = update;
  // Whoever may change a secret must not learn its value that way.
  if (typeof value !== "string" && before.secret && (!secret || update.hosts))
    throw invalid(`${key} is a secret: it becomes visible, or gets other hosts, only together with a new value.`);
  if (hosts && typeof value === "string") checkHosts(key, value, hosts, secret);
  if (hosts && !before.secret) checkHosts(key, value ?? before.value, hosts, secret);
  const plain = typeof value === "string" ? value : before.secret ? null : before.value;
  return {
    id,
    key,
    value: plain === null ? before.value : secret ? sealer.seal(plain, id) : plain,
    secret,
    contexts: update.contexts ?? before.contexts,
    ...(hosts && { hosts }),
  };
}

/** @throws {ApiError} `INVALID_REQUEST` */
function checkHosts(key: string, value: string, hosts: string[], secret: boolean): void {
  if (!secret) throw invalid(`${key} has hosts, but is no secret.`);
  const { error } = secretValueSchema.safeParse(value);
  if (error) throw invalid(`${key}: ${error.issues[0]?.message ?? "the value is invalid"}.`);
  const secrets = [{ name: key, placeholder: "", hosts, in: [], sealed: "" }];
  checkSpec({ policy: { allow: null, deny: [], rules: [] }, secrets }, "INVALID_REQUEST");
}

/** @throws {ApiError} `INVALID_REQUEST` if two of them would apply at once, or there is too much */
function checked(vars: EnvVarRecord[]): EnvVarRecord[] {
  if (vars.length > ENV_VARS.max)
    throw invalid(`There are ${vars.length} variables; at most ${ENV_VARS.max} are possible.`);
  const bytes = Buffer.byteLength(JSON.stringify(vars));
  if (bytes > ENV_VARS.bytes)
    throw invalid(`The variables have ${bytes} bytes together; at most ${ENV_VARS.bytes} are possible.`);
  const byKey = Map.groupBy(vars, ({ key }) => key);
  for (const [key, same] of byKey)
    for (const [at, one] of same.entries())
      if (same.slice(at + 1).some((other) => overlap(one, other)))
        throw invalid(`Two variables are called ${key} in the same context.`);
  return vars;
}

const overlap = ({ contexts: a }: EnvVarRecord, { contexts: b }: EnvVarRecord) =>
  a === "all" || b === "all" || a.some((context) => b.includes(context));

/** As clients see it. */
export function envVarView({ id, key, value, secret, contexts, hosts }: EnvVarRecord): EnvVar {
  return { id, key, ...(!secret && { value }), secret, contexts, ...(hosts && { hosts }) };
}

/** For events: names, never values. */
export const keysOf = (vars: readonly EnvVarRecord[]): string[] => vars.map(({ key }) => key);

function invalid(what: string): ApiError {
  return new ApiError("INVALID_REQUEST", what);
}
