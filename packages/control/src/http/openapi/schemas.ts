import {
  actorSchema,
  egressChangeSchema,
  egressViewSchema,
  eventSchema,
  newTokenSchema,
  organisationRequestSchema,
  organisationSchema,
  requestRuleSchema,
  sandboxDetailSchema,
  sandboxMetadataSchema,
  scopeSchema,
  secretRequestSchema,
  secretViewSchema,
  serverInfoSchema,
  snapshotDetailSchema,
  snapshotSchema,
  tokenRequestSchema,
  tokenSchema,
  volumeDetailSchema,
  volumeSchema,
} from "@sandkeep/protocol";
import { z } from "zod";

/** Schemas that have a name in the document, so that a generated client has a type for each. */
const NAMED = {
  Actor: actorSchema,
  EgressChange: egressChangeSchema,
  EgressPolicy: egressViewSchema,
  Event: eventSchema,
  NewToken: newTokenSchema,
  Organisation: organisationSchema,
  OrganisationRequest: organisationRequestSchema,
  RequestRule: requestRuleSchema,
  Sandbox: sandboxDetailSchema,
  SandboxSummary: sandboxMetadataSchema,
  Scope: scopeSchema,
  Secret: secretViewSchema,
  SecretRequest: secretRequestSchema,
  ServerInfo: serverInfoSchema,
  Snapshot: snapshotDetailSchema,
  SnapshotSummary: snapshotSchema,
  Token: tokenSchema,
  TokenRequest: tokenRequestSchema,
  Volume: volumeDetailSchema,
  VolumeSummary: volumeSchema,
} as const;

export type JsonSchema = Record<string, unknown>;

/** JSON Schemas of API bodies, with the named ones collected in one place. */
export class Schemas {
  /** The named ones met so far, by name. */
  readonly components: Record<string, JsonSchema> = {};
  readonly #names = z.registry<{ id: string }>();
  readonly #exact: boolean;

  /** @param exact Whether objects have only the listed members: for tests. Clients must ignore unknown members. */
  constructor(exact = false) {
    this.#exact = exact;
    for (const [id, schema] of Object.entries(NAMED)) this.#names.add(schema, { id });
  }

  /** A request's schema: what may be sent. */
  input(schema: z.ZodType): JsonSchema {
    return this.#convert(schema, "input");
  }

  /** An answer's schema. */
  output(schema: z.ZodType): JsonSchema {
    return this.#convert(schema, this.#exact ? "output" : "input");
  }

  #convert(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    const {
      $schema: _,
      $defs = {},
      ...converted
    } = z.toJSONSchema(schema, {
      io,
      metadata: this.#names,
      target: "draft-2020-12",
    }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    for (const [name, definition] of Object.entries($defs))
      this.components[name] ??= placed(this.#exact ? intersected(definition) : definition);
    const whole = placed(this.#exact ? intersected(converted) : converted);
    const name = this.#names.get(schema)?.id;
    if (name === undefined) return whole;
    this.components[name] ??= whole;
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** Each part of an intersection knows only some members of the object, so only the whole may reject the rest. */
function intersected(schema: JsonSchema): JsonSchema {
  if (!Array.isArray(schema.allOf)) return schema;
  return { ...schema, allOf: schema.allOf.map(opened), unevaluatedProperties: false };
}

function opened({ additionalProperties: _, ...schema }: JsonSchema): JsonSchema {
  for (const key of ["anyOf", "oneOf", "allOf"]) if (Array.isArray(schema[key])) schema[key] = schema[key].map(opened);
  return schema;
}

/** References point to the document's components, and a component's name is its key. */
function placed({ id: _, ...schema }: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
}
