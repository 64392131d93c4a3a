/** What the kernel tells the panel: mirrors `s3magic/notebook/comms.py`; no behaviour. */

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

/** All the panel shows; made without asking the network. */
export interface Status {
  readonly connection: Connection | null;
  readonly identity: Identity | null;
  readonly mounts: readonly Mount[];
  readonly sandbox: { readonly endpoint_url: string } | null;
  /** The kernel's home folder: the server writes its root as `~/…`. */
  readonly home: string;
}

/** What went wrong and what to do, in the words of the Python error. */
export interface Failure {
  readonly message: string;
  readonly hint: string;
}

/** What the panel may ask, and what is answered. */
export interface Methods {
  status: { params: Record<string, never>; result: Status };
  identity: { params: Record<string, never>; result: Status };
  unmount: { params: { path: string }; result: Status };
}

/** A message on the panel comm: an answer to one request, or news for everybody. */
export type FromKernel =
  | { readonly event: 'changed'; readonly status: Status }
  | { readonly event: 'trouble'; readonly error: Failure }
  | { readonly event: 'answer'; readonly id: string; readonly result: unknown }
  | { readonly event: 'failure'; readonly id: string; readonly error: Failure };
