/**
 * Talking to one document's kernel over two comms; the only file that does.
 *
 * The kernel opens `s3magic:panel` and sends on it alone; the panel opens `s3magic:rpc`, on which the kernel never
 * sends: a kernel answers comm messages in the subshell that last sent on that comm, so that with one comm for both
 * ways a click would wait behind a running cell.
 */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { PromiseDelegate, UUID, type JSONObject } from '@lumino/coreutils';
import { Signal, type ISignal } from '@lumino/signaling';

import type { Failure, FromKernel, Methods, Rate, Status, StatusMethods } from './types';

const PANEL = 's3magic:panel';
const RPC = 's3magic:rpc';

/**
 * How far we are with a kernel: there is none, it was asked and has not answered, it speaks another language,
 * s3magic is not loaded in it, or it is.
 */
export type Phase = 'none' | 'asking' | 'foreign' | 'unloaded' | 'loaded';

/** A request that failed, with the words of the Python error. */
export class RequestError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

/** The line to the kernel of one notebook or console; survives a change and a restart of the kernel. */
export class KernelLink {
  constructor(session: ISessionContext) {
    session.kernelChanged.connect((_, change) => this._follow(change.newValue));
    session.statusChanged.connect((_, status) => this._onStatus(status));
    session.disposed.connect(() => this._follow(null));
    this._follow(session.session?.kernel ?? null);
  }

  /** Emitted when phase or status are others than before. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get phase(): Phase {
    return this._phase;
  }

  /** The last the kernel told; null before the first time. */
  get status(): Status | null {
    return this._status;
  }

  /** Why the kernel cannot tell its status; null when it can. */
  get trouble(): Failure | null {
    return this._trouble;
  }

  /** The language of the kernel, for people. */
  get language(): string {
    return this._language;
  }

  /** What flows through the mounts, by their paths, as the kernel told last. */
  get rates(): Readonly<Record<string, Rate>> {
    return this._rates;
  }

  /** Emitted when that changes. */
  get flowed(): ISignal<this, void> {
    return this._flowed;
  }

  /** Ask the kernel; fails with a `RequestError`. Bytes go along as they are. */
  async ask<M extends keyof Methods>(
    method: M,
    params: Methods[M]['params'],
    bytes: ArrayBuffer | null = null
  ): Promise<Methods[M]['result']> {
    const rpc = await this._openRpc();
    const id = UUID.uuid4();
    const answer = new PromiseDelegate<unknown>();
    this._waiting.set(id, answer);
    rpc.send({ id, method, params: params as unknown as JSONObject }, undefined, bytes ? [bytes] : undefined);
    return (await answer.promise) as Methods[M]['result'];
  }

  /** Ask what is answered with the status, and show that. */
  async request<M extends keyof StatusMethods>(method: M, params: StatusMethods[M]['params']): Promise<void> {
    const status = await this.ask(method, params);
    this._trouble = null;
    this._take('loaded', status);
  }

  /** Whether a cell is running beside which this kernel does not answer. */
  get isBusy(): boolean {
    const kernel = this._kernel;
    return kernel?.status === 'busy' && !(this._rpc && hasSubshell(kernel, this._rpc));
  }

  /** Why S3 did not tell who we are, when it was asked and did not. */
  get identityFailure(): Failure | null {
    return this._identityFailure;
  }

  /** Ask S3 who we are: takes a request of the network. */
  async identify(): Promise<void> {
    this._askedFor = askerOf(this._status);
    try {
      await this.request('identity', {});
      this._identityFailure = null;
    } catch (error) {
      this._identityFailure = error instanceof RequestError ? error.failure : null;
    }
    this._changed.emit();
  }

  /** Ask it once for each connection, when somebody looks. */
  identifyOnce(): void {
    const status = this._status;
    if (status?.connection && !status.identity && this._askedFor !== askerOf(status)) {
      this._identityFailure = null;
      void this.identify();
    }
  }

  private _follow(kernel: Kernel.IKernelConnection | null): void {
    this._kernel?.removeCommTarget(PANEL, this._onOpen);
    this._drop(kernel ? 'asking' : 'none');
    this._kernel = kernel;
    if (kernel) {
      kernel.registerCommTarget(PANEL, this._onOpen);
      void this._find(kernel);
    }
  }

  private _onStatus(status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting') {
      this._restarting = true;
      this._drop('asking');
    } else if (this._restarting && status === 'idle' && this._kernel) {
      this._restarting = false;
      void this._find(this._kernel);
    } else if (status === 'dead' || status === 'terminating') {
      this._drop('none');
    }
  }

  /** Adopt the comms of a kernel that was there before this page, and see what language it speaks. */
  private async _find(kernel: Kernel.IKernelConnection): Promise<void> {
    try {
      const info = await kernel.info;
      this._language = info.language_info.name;
      if (this._language !== 'python') {
        this._take('foreign', null);
        return;
      }
      const [panels, rpcs] = await Promise.all([commIds(kernel, PANEL), commIds(kernel, RPC)]);
      if (kernel !== this._kernel || this._panel) {
        return; // another kernel by now, or it opened its comm while we asked
      }
      const panel = panels.pop();
      if (panel === undefined) {
        this._take('unloaded', null);
        return;
      }
      this._listen(kernel.createComm(PANEL, panel));
      this._knownRpc = rpcs.pop() ?? null;
      await this.request('status', {});
    } catch {
      // The kernel went away while it was asked: its change of status says so.
    }
  }

  private readonly _onOpen = (comm: Kernel.IComm): void => {
    this._listen(comm);
    this._take('loaded', this._status);
  };

  private _listen(comm: Kernel.IComm): void {
    this._panel = comm;
    comm.onMsg = message => this._onMessage(message.content.data as unknown as FromKernel);
    comm.onClose = () => {
      if (this._panel === comm) {
        this._drop('unloaded');
      }
    };
  }

  private _onMessage(message: FromKernel): void {
    if (message.event === 'changed') {
      this._trouble = null;
      this._take('loaded', message.status);
      return;
    }
    if (message.event === 'trouble') {
      this._trouble = message.error;
      this._changed.emit();
      return;
    }
    if (message.event === 'rates') {
      this._rates = message.rates;
      this._flowed.emit();
      return;
    }
    const answer = this._waiting.get(message.id); // none: the answer to another page
    this._waiting.delete(message.id);
    if (message.event === 'answer') {
      answer?.resolve(message.result);
    } else {
      answer?.reject(new RequestError(message.error));
    }
  }

  private async _openRpc(): Promise<Kernel.IComm> {
    const kernel = this._kernel;
    if (!kernel || !this._panel) {
      throw new RequestError(GONE);
    }
    if (!this._rpc || this._rpc.isDisposed) {
      const known = this._knownRpc;
      this._knownRpc = null;
      this._rpc = known === null ? kernel.createComm(RPC) : kernel.createComm(RPC, known);
      this._rpcReady = openInSubshell(kernel, this._rpc, known === null);
    }
    const rpc = this._rpc;
    await this._rpcReady;
    if (rpc.isDisposed) {
      throw new RequestError(GONE);
    }
    return rpc;
  }

  private _drop(phase: Phase): void {
    const waiting = [...this._waiting.values()];
    this._waiting.clear();
    waiting.forEach(answer => answer.reject(new RequestError(GONE)));
    this._panel = null;
    this._rpc = null;
    this._knownRpc = null;
    this._askedFor = '';
    this._identityFailure = null;
    this._trouble = null;
    this._rates = {};
    this._take(phase, null);
  }

  private _take(phase: Phase, status: Status | null): void {
    const same = phase === this._phase && JSON.stringify(status) === JSON.stringify(this._status);
    this._phase = phase;
    this._status = status;
    if (!same) {
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _flowed = new Signal<this, void>(this);
  private readonly _waiting = new Map<string, PromiseDelegate<unknown>>();
  private _kernel: Kernel.IKernelConnection | null = null;
  private _panel: Kernel.IComm | null = null;
  private _rpc: Kernel.IComm | null = null;
  private _rpcReady: Promise<void> = Promise.resolve();
  private _knownRpc: string | null = null;
  private _phase: Phase = 'none';
  private _status: Status | null = null;
  private _trouble: Failure | null = null;
  private _identityFailure: Failure | null = null;
  private _rates: Readonly<Record<string, Rate>> = {};
  private _askedFor = '';
  private _language = '';
  private _restarting = false;
}

const GONE: Failure = {
  message: 'The kernel could not answer: it was stopped, or s3magic was unloaded.',
  hint: 'Run %load_ext s3magic.'
};

/** Other than before when somebody else asks, or the same with other credentials. */
function askerOf(status: Status | null): string {
  return JSON.stringify([status?.asker, status?.connection]);
}

async function commIds(kernel: Kernel.IKernelConnection, target: string): Promise<string[]> {
  const { content } = await kernel.requestCommInfo({ target_name: target });
  return content.status === 'ok' ? Object.keys(content.comms) : [];
}

function hasSubshell(kernel: Kernel.IKernelConnection, comm: Kernel.IComm): boolean {
  return kernel.supportsSubshells && comm.commsOverSubshells !== 'disabled';
}

/** Wait for the comm's subshell, where the kernel has them, so that not even the first message waits for a cell. */
async function openInSubshell(kernel: Kernel.IKernelConnection, comm: Kernel.IComm, isNew: boolean): Promise<void> {
  if (hasSubshell(kernel, comm)) {
    await (comm as Kernel.IComm & { subshellStarted?: Promise<void> }).subshellStarted?.catch(() => undefined);
  }
  if (isNew && !comm.isDisposed) {
    await comm.open().done; // a message that overtakes it would be one to nobody
  }
}
