/** Id of an app. */
export type AppId = string;
/** Human-readable name of an app. Unique in its organisation; can be changed. */
export type AppSlug = string;

/** A reference to a layer. */
export interface LayerRef {
  /** Its id, which never changes. */
  id: string;
  /** Its human-readable name. */
  slug: string;
}

/** A variable in the environment of an app or a layer. */
export interface EnvVar {
  /** Its id, which never changes. */
  id: string;
  /** Its name. */
  key: string;
  /** Its value; undefined when it is a secret. */
  value: string | undefined;
  /** Whether the value is hidden. */
  secret: boolean;
  /** Where it applies: everywhere, or in the given contexts, such as `["build", "production"]`. */
  contexts: "all" | string[];
}

/** A new variable. */
export interface EnvVarInit {
  /** Its name. */
  key: string;
  /** Its value. */
  value: string;
  /** Whether to hide the value from now on. */
  secret?: boolean;
  /** Where it applies: everywhere, or in the given contexts. */
  contexts?: "all" | string[];
}

/** A change to one variable, which is found by `id`, or by `key` when no id is given. */
export interface EnvVarUpdate {
  /** Id of the variable. */
  id?: string;
  /** Name of the variable, when no id is given; its new name, when an id is given. */
  key?: string;
  /** Its new value. */
  value?: string;
  /** Whether the value is hidden from now on. */
  secret?: boolean;
  /** Where it applies from now on. */
  contexts?: "all" | string[];
  /** Whether to delete it. */
  delete?: boolean;
}
