import { ApiError, attachRequestSchema, type SandboxVolume, snapshotRequestSchema } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { snapshotSandbox } from "../../../storage/create.ts";
import { snapshotView } from "../../../storage/views.ts";
import type { Env, Services } from "../../env.ts";
import { readBody, readQuery } from "../../input/body.ts";
import { resource } from "../../resource.ts";
import { named } from "./disks.ts";

export const detachQuery = z.object({ force: z.enum(["true", "false"]).default("false") });

/** The volumes of a running sandbox, and snapshots of its disk: an extension of Sandkeep. */
export function sandboxVolumeRoutes(app: Hono<Env>, { sandboxes, storage, store }: Services): void {
  const running = (context: Context<Env>) => sandboxes.get(named(context), context.get("principal")).volumes;

  resource(app, "/api/v1/sandboxes/:id/volumes", {
    // Stopped sandboxes included: they have none.
    GET: async (context) => {
      const record = await store.sandboxes.find(context.get("principal").organisation.id, named(context));
      if (!record) throw new ApiError("SANDBOX_NOT_FOUND", "There is no sandbox with this id.");
      const volumes = (await store.disks.attachedTo(record.id)).flatMap(
        ({ disk: id, slug, path, readOnly }): SandboxVolume[] =>
          path === null ? [] : [{ volume: { id, slug }, path, readOnly }],
      );
      return context.json(volumes);
    },
    POST: async (context) => {
      // First: the sandbox may be paused while it arrives.
      const mount = await readBody(context, attachRequestSchema);
      return context.json(await running(context).attach(mount, context.get("principal").actor), 201);
    },
  });
  resource(app, "/api/v1/sandboxes/:id/snapshot", {
    POST: async (context) => {
      const { slug } = await readBody(context, snapshotRequestSchema);
      const { root } = running(context);
      const snapshot = await snapshotSandbox(storage, root, slug, context.get("principal"));
      return context.json(await snapshotView(storage, snapshot), 201);
    },
  });
  resource(app, "/api/v1/sandboxes/:id/volumes/:name", {
    DELETE: async (context) => {
      const { force } = readQuery(context, detachQuery);
      await running(context).detach(context.req.param("name") ?? "", context.get("principal").actor, force === "true");
      return context.body(null, 204);
    },
  });
}
