import { ApiError, newOrganisationId, type Organisation, organisationRequestSchema } from "@sandkeep/protocol";
import type { OrganisationRecord } from "@sandkeep/store";
import { UniqueViolation } from "@sandkeep/store";
import type { Hono } from "hono";
import type { Env, Services } from "../env.ts";
import { readBody } from "../input/body.ts";
import { resource } from "../resource.ts";

const view = ({ createdAt, ...rest }: OrganisationRecord): Organisation => ({
  ...rest,
  createdAt: new Date(createdAt).toISOString(),
});

/** For administrators. */
export function organisationRoutes(app: Hono<Env>, { store }: Services): void {
  resource(app, "/api/v1/organisations", {
    GET: async (context) => context.json((await store.organisations.list()).map(view)),
    POST: async (context) => {
      const { slug, name } = await readBody(context, organisationRequestSchema);
      const record = { id: newOrganisationId(), slug, name: name ?? slug, createdAt: Date.now() };
      try {
        await store.organisations.insert(record);
      } catch (error) {
        if (error instanceof UniqueViolation)
          throw new ApiError("SLUG_ALREADY_IN_USE", `An organisation named ${slug} already exists.`);
        throw error;
      }
      return context.json(view(record), 201);
    },
  });
}
