/** How far one stage of a build is. */
export type RevisionProgressStageStatus =
  | "pending"
  | "skipped"
  | "running"
  | "succeeded"
  | "timed_out"
  | "cancelled"
  | "errored";

/** A stage that has not begun. */
export interface RevisionProgressPendingStage {
  status: "pending";
}

/** A stage that is left out. */
export interface RevisionProgressSkippedStage {
  status: "skipped";
}

/** A stage that goes on. */
export interface RevisionProgressRunningStage {
  status: "running";
  /** Since when, ISO 8601. */
  start: string;
}

/** A stage that has ended, well or not. */
export interface RevisionProgressCompletedStage {
  status: "succeeded" | "timed_out" | "cancelled" | "errored";
  /** Since when, ISO 8601. */
  start: string;
  /** Until when, ISO 8601. */
  end: string;
}

/** A stage of a build. */
export type RevisionProgressStage =
  | RevisionProgressPendingStage
  | RevisionProgressSkippedStage
  | RevisionProgressRunningStage
  | RevisionProgressCompletedStage;

/** A stage that runs a command. */
export type RevisionProgressStageWithCommand = RevisionProgressStage & {
  /** The command; null when there is none. */
  command: string | null;
};

/** Names a timeline. */
export interface RevisionProgressTimelineRef {
  /** Its slug. */
  slug: string;
  /** What tells it from the app's other timelines. */
  partition: Record<string, string>;
}

/** Traffic is not sent to this timeline before others are ready. */
export interface RevisionProgressTimelineBlockedStage {
  status: "timeline_blocked";
  /** The others. */
  timelines: RevisionProgressTimelineRef[];
  /** What it waits for there. */
  stage: "warmup";
}

/** How far the sending of traffic is. */
export type RevisionProgressRoutingStage = RevisionProgressStage | RevisionProgressTimelineBlockedStage;

/** How far the deployment to one timeline is. */
export type RevisionProgressTimelineStage = RevisionProgressStage & {
  /** The timeline's slug. */
  slug: string;
  /** What tells it from the app's other timelines. */
  partition: Record<string, string>;
  /** Migration of its database. */
  database: RevisionProgressStage;
  /** The command before the deployment. */
  predeploy: RevisionProgressStageWithCommand;
  /** First start of the app. */
  warmup?: RevisionProgressStage;
  /** Traffic. */
  routing: RevisionProgressRoutingStage;
};

/** The last stage of a build, for all timelines and for each. */
export type RevisionProgressDeployingStage = RevisionProgressStage & {
  timelines: RevisionProgressTimelineStage[];
};

/** How far a build is, stage by stage, as {@linkcode Revisions.progress} tells it. */
export interface RevisionProgress {
  /** Waits for its turn. */
  queued: RevisionProgressStage;
  /** Gets the sources and what is cached. */
  preparing: RevisionProgressStage;
  /** Installs dependencies. */
  installing: RevisionProgressStageWithCommand;
  /** Runs the build's command. */
  building: RevisionProgressStageWithCommand;
  /** Uploads the result and sends traffic to it. */
  deploying: RevisionProgressDeployingStage;
}
