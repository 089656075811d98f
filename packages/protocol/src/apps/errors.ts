/** What the catalogue of errors has about apps. */
export const APP_ERRORS = {
  APP_NOT_FOUND: {
    status: 404,
    summary: "There is no app with this id or slug.",
    remedy: "List the apps with `sandkeep apps list`.",
  },
  LAYER_NOT_FOUND: {
    status: 404,
    summary: "There is no layer with this id or slug.",
    remedy: "List the layers with GET /api/v2/layers.",
  },
  REVISION_NOT_FOUND: {
    status: 404,
    summary: "There is no revision with this id.",
    remedy: "List an app's revisions with `sandkeep revisions list`.",
  },
  LAYER_IN_USE: {
    status: 409,
    summary: "Apps or other layers use the layer.",
    remedy: "Remove it from them first.",
  },
  REVISION_IN_USE: {
    status: 409,
    summary: "The revision is being deployed, or is what an address of its app leads to.",
    remedy: "Deploy another one, or cancel the deployment, first.",
  },
  CANNOT_ROLL_BACK: {
    status: 409,
    summary: "Production cannot lead to this revision.",
    remedy: "Choose one that was deployed successfully and is not deleted; `sandkeep revisions list` shows them.",
  },
  APP_LIMIT: {
    status: 429,
    summary: "The organisation has reached its limit of apps, layers or deployments.",
    remedy:
      "Delete some or wait until a deployment has ended, or raise the limits under `apps` in the server's configuration.",
  },
  APP_NOT_RUNNING: {
    status: 502,
    summary: "The app's server could not be started.",
    remedy: "Whoever deployed it sees why with `sandkeep logs`.",
  },
} as const;
