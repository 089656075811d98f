/** Status of one stage of a build. */
export type RevisionProgressStageStatus =
  | "pending"
  | "skipped"
  | "running"
  | "succeeded"
  | "timed_out"
  | "cancelled"
  | "errored";

/** A stage that has not started. */
export interface RevisionProgressPendingStage {
  status: "pending";
}

/** A stage that is skipped. */
export interface RevisionProgressSkippedStage {
  status: "skipped";
}

/** A stage that is running. */
export interface RevisionProgressRunningStage {
  status: "running";
  /** When it started, ISO 8601. */
  start: string;
}

/** A stage that has ended, successfully or not. */
export interface RevisionProgressCompletedStage {
  status: "succeeded" | "timed_out" | "cancelled" | "errored";
  /** When it started, ISO 8601. */
  start: string;
  /** When it ended, ISO 8601. */
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

/** A reference to a timeline. */
export interface RevisionProgressTimelineRef {
  /** Its slug. */
  slug: string;
  /** The labels that distinguish it from the app's other timelines. */
  partition: Record<string, string>;
}

/** This timeline gets no traffic before others are ready. */
export interface RevisionProgressTimelineBlockedStage {
  status: "timeline_blocked";
  /** The timelines it waits for. */
  timelines: RevisionProgressTimelineRef[];
  /** What must be ready there. */
  stage: "warmup";
}

/** Status of the switch of traffic. */
export type RevisionProgressRoutingStage = RevisionProgressStage | RevisionProgressTimelineBlockedStage;

/** Progress of the deployment to one timeline. */
export type RevisionProgressTimelineStage = RevisionProgressStage & {
  /** The timeline's slug. */
  slug: string;
  /** The labels that distinguish it from the app's other timelines. */
  partition: Record<string, string>;
  /** Its database migration. */
  database: RevisionProgressStage;
  /** The command that runs before the deployment. */
  predeploy: RevisionProgressStageWithCommand;
  /** The first start of the app. */
  warmup?: RevisionProgressStage;
  /** The switch of traffic. */
  routing: RevisionProgressRoutingStage;
};

/** The last stage of a build, as a whole and for each timeline. */
export type RevisionProgressDeployingStage = RevisionProgressStage & {
  timelines: RevisionProgressTimelineStage[];
};

/** Progress of a build, stage by stage, as {@linkcode Revisions.progress} reports it. */
export interface RevisionProgress {
  /** Waiting in the queue. */
  queued: RevisionProgressStage;
  /** Fetching the sources and the cache. */
  preparing: RevisionProgressStage;
  /** Installing dependencies. */
  installing: RevisionProgressStageWithCommand;
  /** Running the build command. */
  building: RevisionProgressStageWithCommand;
  /** Uploading the result and switching traffic to it. */
  deploying: RevisionProgressDeployingStage;
}
