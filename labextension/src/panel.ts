/** The side panel: draws what the kernel of the document in front told last, and passes clicks on. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { Buckets, failureOf, urlOf } from './buckets';
import { datasetsSection } from './datasets';
import { breakable, button, make, redraw } from './dom';
import type { Follower } from './follow';
import { s3Icon } from './icon';
import { identitySection } from './identity';
import type { KernelLink } from './kernel';
import { nodeMenu } from './menu';
import { mountsSection, type Place } from './mounts';
import { Notice } from './notice';
import type { Pins } from './pins';
import type { DatasetStanding, Failure, Lights, Status, StatusMethods } from './types';
import { welcome } from './welcome';

/** How long the kernel may take before the panel says that it shows what was known last. */
const PATIENCE = 2000;
/** How often "for 43 min" is drawn anew. */
const TICK = 30_000;

/** Finds a folder of the kernel in the file browser; null for one it cannot reach. */
export type FolderFinder = (path: string, home: string) => Place | null;

/** What is known of one kernel beyond its status, because somebody asked, in the name of one asker. */
interface Asked {
  readonly asker: string;
  lights: Lights | null;
  readonly standings: Map<string, DatasetStanding | 'asking'>;
}

export class S3Panel extends Widget {
  constructor(follower: Follower, findFolder: FolderFinder, pins: Pins, commands: JupyterFrontEnd['commands']) {
    super();
    this.id = 's3magic-panel';
    this.addClass('s3magic-Panel');
    this.title.icon = s3Icon;
    this.title.caption = 'S3';
    this._follower = follower;
    this._findFolder = findFolder;
    const refresh = button('', () => void this._onRefresh(), {
      class: 's3magic-mod-icon',
      label: 'Refresh',
      title: 'Refresh'
    });
    refreshIcon.element({ container: refresh });
    this._refresh = refresh;
    this._buckets = new Buckets(
      {
        notice: this._notice,
        run: code => this._follower.run(code),
        insert: code => this._follower.insert(code),
        wait: async answer => void (await this._wait(answer)),
        showLights: node => void this._light(urlOf(node), node.bucket, node.key)
      },
      pins
    );
    this._buckets.openMenu = nodeMenu(commands, this._buckets.actions);
    this._body.append(this._welcome, this._identity, this._buckets.node, this._mounts, this._datasets);
    this.node.append(
      make('header', { class: 's3magic-Header' }, make('h2', { text: 'S3' }), this._document, refresh),
      this._error,
      this._note,
      this._body,
      this._notice.node
    );
    follower.changed.connect(() => this._onDocument());
    this._onDocument();
  }

  override dispose(): void {
    window.clearInterval(this._ticking);
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._ticking = window.setInterval(() => this._draw(), TICK);
    this._draw();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    window.clearInterval(this._ticking);
  }

  private _onDocument(): void {
    const current = this._follower.current;
    Signal.disconnectReceiver(this);
    this._link = current?.link ?? null;
    this._link?.changed.connect(this._draw, this);
    this._link?.flowed.connect(this._drawMounts, this);
    current?.document.title.changed.connect(this._drawName, this);
    this._showError(null);
    this._note.textContent = '';
    this._draw();
  }

  private async _onRefresh(): Promise<void> {
    await this._request('status', {});
    this._buckets.refresh();
  }

  private _draw(): void {
    const link = this._link;
    const status = link?.status ?? null;
    this._drawName();
    const isLoaded = link?.phase === 'loaded' && status !== null;
    this._refresh.disabled = !isLoaded;
    if (link && link.trouble !== this._trouble) {
      this._trouble = link.trouble;
      this._showError(link.trouble);
    }
    this._buckets.node.hidden = !isLoaded;
    if (!link || !isLoaded) {
      const phase = !link || link.phase === 'loaded' ? (link ? 'asking' : null) : link.phase;
      if (link && phase !== 'asking') {
        this._buckets.drop(link);
        this._asked.delete(link);
      }
      [this._identity, this._mounts, this._datasets].forEach(host => redraw(host));
      redraw(
        this._welcome,
        welcome(phase, link?.language ?? '', {
          load: () => void this._follower.run('%load_ext s3magic', { first: true })
        })
      );
      return;
    }
    redraw(this._welcome);
    if (this.isVisible) {
      link.identifyOnce();
    }
    this._drawIdentity(link, status);
    this._buckets.show(link, status, this.isVisible);
    this._drawMounts();
    this._drawDatasets(link, status);
  }

  private _drawName(): void {
    this._document.textContent = this._document.title = this._follower.current?.document.title.label ?? '';
  }

  private _drawIdentity(link: KernelLink, status: Status): void {
    const shown = { failure: link.identityFailure, lights: this._askedOf(link).lights, isWhole: this._isWhole };
    redraw(
      this._identity,
      identitySection(status, shown, {
        identify: () => void link.identify(),
        run: code => void this._follower.run(code),
        showWhole: isWhole => (this._isWhole = isWhole)
      })
    );
  }

  private _drawMounts(): void {
    const link = this._link;
    const status = link?.status;
    if (link?.phase === 'loaded' && status) {
      redraw(
        this._mounts,
        mountsSection(status, {
          unmount: path => void this._unmount(path),
          find: path => this._findFolder(path, status.home),
          isEnding: path => this._ending.has(path),
          rate: path => link.rates[path] ?? null
        })
      );
    }
  }

  private _drawDatasets(link: KernelLink, status: Status): void {
    redraw(
      this._datasets,
      datasetsSection(status, {
        check: path => void this._check(link, path),
        run: code => void this._follower.run(code),
        find: path => this._findFolder(path, status.home),
        standing: path => this._askedOf(link).standings.get(path) ?? null
      })
    );
  }

  private async _unmount(path: string): Promise<void> {
    this._ending.add(path);
    this._draw();
    await this._request('unmount', { path });
    this._ending.delete(path);
    this._draw();
  }

  private async _light(url: string, bucket: string, key: string): Promise<void> {
    const link = this._link;
    if (link) {
      this._notice.say(`Checking what you may do at ${url} …`, { kept: true });
      const lights = await this._patiently(() => link.ask('lights', { bucket, key }));
      this._notice.clear();
      if (lights) {
        this._askedOf(link).lights = lights;
        this._draw();
        this._identity.querySelector('.s3magic-Lights')?.scrollIntoView({ block: 'nearest' });
      }
    }
  }

  private async _check(link: KernelLink, path: string): Promise<void> {
    const { standings } = this._askedOf(link);
    standings.set(path, 'asking');
    this._draw();
    const found = await this._patiently(() => link.ask('dataset', { path }));
    if (found) {
      standings.set(path, found);
    } else {
      standings.delete(path);
    }
    this._draw();
  }

  private _askedOf(link: KernelLink): Asked {
    const asker = link.status?.asker ?? '';
    let found = this._asked.get(link);
    if (found?.asker !== asker) {
      found = { asker, lights: null, standings: new Map() };
      this._asked.set(link, found);
    }
    return found;
  }

  private async _request<M extends keyof StatusMethods>(method: M, params: StatusMethods[M]['params']): Promise<void> {
    await this._patiently(() => this._link?.request(method, params));
  }

  /** Ask the kernel; an error is shown. */
  private async _patiently<T>(ask: () => Promise<T> | undefined): Promise<T | null> {
    const link = this._link;
    if (!link) {
      return null;
    }
    this._showError(null);
    try {
      return (await this._wait(ask())) ?? null;
    } catch (error) {
      if (link === this._link) {
        this._showError(failureOf(error));
      }
      return null;
    }
  }

  /** Wait for an answer; when a running cell keeps the kernel from giving it, that is said. */
  private async _wait<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
    const link = this._link;
    const impatient = window.setTimeout(() => {
      if (link && link === this._link && link.isBusy) {
        this._note.textContent = 'The kernel is busy. This is what it told last.';
      }
    }, PATIENCE);
    try {
      return await answer;
    } finally {
      window.clearTimeout(impatient);
      if (link === this._link) {
        this._note.textContent = '';
      }
    }
  }

  private _dismiss(): void {
    this._showError(null);
    this._refresh.focus();
  }

  private _showError(failure: Failure | null): void {
    const parts = [
      failure && breakable('p', failure.message),
      failure?.hint ? make('p', { text: failure.hint }) : null,
      failure && button('Dismiss', () => this._dismiss())
    ];
    this._error.replaceChildren(...parts.filter(part => part !== null));
  }

  private readonly _follower: Follower;
  private readonly _findFolder: FolderFinder;
  private readonly _refresh: HTMLButtonElement;
  private readonly _document = make('span', { class: 's3magic-Document' });
  private readonly _error = make('div', { class: 's3magic-Error', role: 'alert' });
  private readonly _note = make('div', { class: 's3magic-Note', role: 'status' });
  private readonly _body = make('div', { class: 's3magic-Body' });
  private readonly _welcome = make('div');
  private readonly _identity = make('div');
  private readonly _mounts = make('div');
  private readonly _datasets = make('div');
  private readonly _notice = new Notice();
  private readonly _buckets: Buckets;
  private readonly _ending = new Set<string>();
  private readonly _asked = new WeakMap<KernelLink, Asked>();
  private _link: KernelLink | null = null;
  private _trouble: Failure | null = null; // shown already, perhaps dismissed
  private _isWhole = false;
  private _ticking = 0;
}
