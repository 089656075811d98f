import { TRACE_HEADER } from "@sandkeep/doors";
import { ERRORS, type ErrorCode } from "@sandkeep/protocol";
import { ACCESS } from "../scopes.ts";
import { type Answer, type Operation, TAGS } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { type JsonSchema, Schemas } from "./schemas.ts";

/** What any request with a token may be answered with. */
const TOKEN_ERRORS: readonly ErrorCode[] = [
  "NOT_AUTHENTICATED",
  "INVALID_TOKEN",
  "TOKEN_EXPIRED",
  "ORGANISATION_MISMATCH",
  "FORBIDDEN",
];
const BODY_ERRORS: readonly ErrorCode[] = ["INVALID_REQUEST", "REQUEST_TOO_LARGE"];
const SERVER_ERRORS: readonly ErrorCode[] = ["INTERNAL", "SHUTTING_DOWN"];

export interface OpenApi {
  openapi: "3.1.0";
  info: JsonSchema;
  tags: JsonSchema[];
  security: JsonSchema[];
  paths: Record<string, Record<string, JsonSchema>>;
  components: { securitySchemes: JsonSchema; schemas: Record<string, JsonSchema> };
}

/**
 * The REST API in the form of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0).
 *
 * @param exact Whether answers contain only what the document lists: for tests.
 */
export function openApiDocument(version: string, exact = false): OpenApi {
  const schemas = new Schemas(exact);
  const paths: OpenApi["paths"] = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = route.split(" ");
    const item = (paths[path.replace(/:(\w+)/g, "{$1}")] ??= {});
    item[method.toLowerCase()] = describe(route, path, operation, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Sandkeep",
      version,
      license: { name: "MIT", identifier: "MIT" },
      description:
        "Sandboxes in microVMs. Creating a sandbox and running commands in it takes a WebSocket; everything else is here.",
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token of an organisation, `ddo_…`." },
      },
      schemas: { ...sorted(schemas.components), Error: errorSchema() },
    },
  };
}

function describe(route: string, path: string, operation: Operation, schemas: Schemas): JsonSchema {
  const { id, tag, summary, description, body, example, upload, answer, errors = [] } = operation;
  const scope = ACCESS[route]?.scope ?? null;
  const needs = scope === null ? "Needs no token." : `Needs a token with the scope \`${scope}\`.`;
  const codes = [...(scope === null ? [] : TOKEN_ERRORS), ...(body ? BODY_ERRORS : []), ...errors, ...SERVER_ERRORS];
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, needs].filter(Boolean).join(" "),
    ...(scope === null ? { security: [] } : { "x-sandkeep-scope": scope }),
    parameters: parameters(path, operation, schemas),
    ...(body && {
      requestBody: {
        required: true,
        content: {
          "application/json": { schema: schemas.input(body), ...(example !== undefined && { example }) },
        },
      },
    }),
    ...(upload && { requestBody: { required: true, content: { [upload]: {} } } }),
    responses: { [answer.status]: success(answer, schemas), ...failures(codes) },
  };
}

function parameters(path: string, { query, labels, headers = {} }: Operation, schemas: Schemas): JsonSchema[] {
  const { properties = {}, required = [] } = (query ? schemas.input(query) : {}) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return [
    ...Array.from(path.matchAll(/:(\w+)/g), ([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...Object.entries(properties).map(([name, schema]) => ({
      name,
      in: "query",
      required: required.includes(name),
      schema,
    })),
    ...(labels
      ? [
          {
            name: "labels",
            in: "query",
            style: "deepObject",
            explode: true,
            description: "`labels[key]=value`: only sandboxes with all of these.",
            schema: { type: "object", additionalProperties: { type: "string" } },
          },
        ]
      : []),
    ...Object.entries(headers).map(([name, { description, required = false }]) => ({
      name,
      in: "header",
      required,
      description,
      schema: { type: "string" },
    })),
  ];
}

function success({ description, schema, types = [], paged }: Answer, schemas: Schemas): JsonSchema {
  const content = schema
    ? { "application/json": { schema: schemas.output(schema) } }
    : Object.fromEntries(types.map((type) => [type, {}]));
  return {
    description,
    headers: {
      [TRACE_HEADER]: { description: "Identifies the request in the server's log.", schema: { type: "string" } },
      ...(paged && {
        Link: { description: 'The next page, with `rel="next"`; absent on the last.', schema: { type: "string" } },
      }),
    },
    ...(Object.keys(content).length > 0 && { content }),
  };
}

function failures(codes: readonly ErrorCode[]): Record<string, JsonSchema> {
  const byStatus = Map.groupBy(new Set(codes), (code) => ERRORS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, together]) => [
      status,
      {
        description: together.map((code) => `\`${code}\`: ${ERRORS[code].summary}`).join("\n\n"),
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    ]),
  );
}

function errorSchema(): JsonSchema {
  return {
    type: "object",
    description: "Programs check `code`; `message` says what happened and what to do.",
    properties: {
      code: { type: "string", enum: Object.keys(ERRORS).sort() },
      message: { type: "string" },
    },
    required: ["code", "message"],
    additionalProperties: false,
  };
}

function sorted<Value>(record: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => a.localeCompare(b)));
}
