/** What the kernel tells the panel: mirrors `comms`, `sidebar_status`, `browsing` of `s3magic/notebook`; only data. */

/** The connection in use, as the kernel knows it without asking S3; never a secret. */
export interface Connection {
  /** What gave the credentials, for people; "anonymous" when nothing is signed. */
  readonly provider: string;
  readonly profile: string | null;
  readonly region: string;
  readonly endpoint_url: string | null;
  /** ISO time of the end of the credentials; null when they have none. */
  readonly expires: string | null;
  readonly note: string;
}

/** Who S3 says we are. */
export interface Identity {
  readonly account: string | null;
  readonly arn: string | null;
  readonly user_id: string | null;
  readonly provider: string;
  readonly expires: string | null;
  /** Why something is unknown; empty when all is known. */
  readonly note: string;
}

/** One mount; `condition` is Python's `Mount.state`, a word comms may not use as a key. */
export interface Mount {
  readonly url: string;
  readonly path: string;
  readonly backend: string;
  readonly read_only: boolean;
  readonly condition: string;
}

/** How much a mount has read from S3, and how fast it does. */
export interface Rate {
  readonly fetched: number;
  readonly requests: number;
  /** Bytes a second, of the last two seconds or so. */
  readonly rate: number;
}

/** A linked dataset that this kernel has opened, and how much of it is here. */
export interface Dataset {
  readonly path: string;
  readonly kind: string;
  readonly tiles: number;
  readonly size: number;
  readonly here: number;
  /** The line that fetches what is not here. */
  readonly fetch: string;
}

/** All the panel shows; made without asking the network. */
export interface Status {
  readonly connection: Connection | null;
  readonly identity: Identity | null;
  /** Other than before when somebody else is asked for in the kernel's name: what is listed may be another thing. */
  readonly asker: string;
  readonly mounts: readonly Mount[];
  readonly datasets: readonly Dataset[];
  readonly sandbox: { readonly endpoint_url: string } | null;
  /** The kernel's home folder: the server writes its root as `~/…`. */
  readonly home: string;
}

/** What went wrong and what to do, in the words of the Python error. */
export interface Failure {
  readonly message: string;
  readonly hint: string;
}

/** One thing directly below a bucket or folder; a folder has no size, and its name ends in a slash. */
export interface Child {
  readonly name: string;
  readonly size?: number;
  readonly modified?: string | null;
  readonly archived?: boolean;
}

/** What one may do somewhere, one right of it. */
export interface Light {
  readonly name: string;
  readonly light: 'ok' | 'denied' | 'unknown' | 'unchecked' | 'error';
  readonly detail: string;
}

export interface Lights {
  readonly url: string;
  readonly lights: readonly Light[];
}

/** How the tiles of a dataset stand, counted: on S3, and here. */
export interface DatasetStanding {
  readonly path: string;
  readonly remote: Readonly<Record<string, number>>;
  readonly local: Readonly<Record<string, number>>;
}

/** A bucket, folder or object. */
export interface Place {
  readonly bucket: string;
  readonly key: string;
}

export type Purpose = 'mount' | 'copy' | 'link' | 'thumbs' | 'read';

/** What is answered with the whole status. */
export interface StatusMethods {
  status: { params: Record<string, never>; result: Status };
  identity: { params: Record<string, never>; result: Status };
  unmount: { params: { path: string }; result: Status };
}

/** What the panel may ask, and what is answered. */
export interface Methods extends StatusMethods {
  buckets: { params: { after: string }; result: { readonly names: readonly string[]; readonly next: string | null } };
  children: {
    params: { bucket: string; prefix: string; beginning: string; token: string | null };
    result: { readonly children: readonly Child[]; readonly next: string | null };
  };
  pin: { params: { url: string }; result: { readonly bucket: string; readonly prefix: string } };
  link: { params: Place & { download: boolean }; result: { readonly url: string; readonly end: string | null } };
  lights: { params: Place; result: Lights };
  code: { params: Place & { purpose: Purpose }; result: { readonly code: string } };
  dataset: { params: { path: string }; result: DatasetStanding };
  upload: {
    params: (Place & { size: number }) | { upload_id: string; is_given_up?: boolean };
    result: { readonly upload_id: string; readonly received: number; readonly is_stored: boolean };
  };
}

/** A message on the panel comm: an answer to one request, or news for everybody. */
export type FromKernel =
  | { readonly event: 'changed'; readonly status: Status }
  | { readonly event: 'trouble'; readonly error: Failure }
  | { readonly event: 'rates'; readonly rates: Readonly<Record<string, Rate>> }
  | { readonly event: 'answer'; readonly id: string; readonly result: unknown }
  | { readonly event: 'failure'; readonly id: string; readonly error: Failure };
