/** Id of an app. */
export type AppId = string;
/** Name of an app for people: unique in its organisation, and changeable. */
export type AppSlug = string;

/** Names a layer. */
export interface LayerRef {
  /** Its id, which never changes. */
  id: string;
  /** Its slug, which people read. */
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
  /** Where it applies: everywhere, or in the contexts named, such as `["build", "production"]`. */
  contexts: "all" | string[];
}

/** A variable to be made. */
export interface EnvVarInit {
  /** Its name. */
  key: string;
  /** Its value. */
  value: string;
  /** Hide the value from now on. */
  secret?: boolean;
  /** Where it applies: everywhere, or in the contexts named. */
  contexts?: "all" | string[];
}

/** A change of one variable, which is found by `id`, or else by `key`. */
export interface EnvVarUpdate {
  /** Which variable. */
  id?: string;
  /** Which variable, when no id is given; with an id, its new name. */
  key?: string;
  /** Its new value. */
  value?: string;
  /** Hide the value from now on, or show it. */
  secret?: boolean;
  /** Where it applies from now on. */
  contexts?: "all" | string[];
  /** Remove it. */
  delete?: boolean;
}
