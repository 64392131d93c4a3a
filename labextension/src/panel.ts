/** The side panel: draws what the kernel of the document in front told last, and passes clicks on. */

import { refreshIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { breakable, button, make, redraw } from './dom';
import type { Follower } from './follow';
import { s3Icon } from './icon';
import { identitySection } from './identity';
import { RequestError, type KernelLink } from './kernel';
import { mountsSection, type Place } from './mounts';
import type { Failure, Methods } from './types';
import { welcome } from './welcome';

/** How long the kernel may take before the panel says that it shows what was known last. */
const PATIENCE = 2000;
/** How often "Valid for 43 min" is drawn anew. */
const TICK = 30_000;

/** Finds a folder of the kernel in the file browser; null for one it cannot reach. */
export type FolderFinder = (path: string, home: string) => Place | null;

export class S3Panel extends Widget {
  constructor(follower: Follower, findFolder: FolderFinder) {
    super();
    this.id = 's3magic-panel';
    this.addClass('s3magic-Panel');
    this.title.icon = s3Icon;
    this.title.caption = 'S3';
    this._follower = follower;
    this._findFolder = findFolder;
    const refresh = button('', () => void this._ask('status', {}), {
      class: 's3magic-mod-icon',
      label: 'Refresh',
      title: 'Refresh'
    });
    refreshIcon.element({ container: refresh });
    this._refresh = refresh;
    this.node.append(
      make('header', { class: 's3magic-Header' }, make('h2', { text: 'S3' }), this._document, refresh),
      this._error,
      this._note,
      this._body
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
    this._link?.changed.disconnect(this._draw, this);
    this._link = this._follower.current?.link ?? null;
    this._link?.changed.connect(this._draw, this);
    this._ending.clear();
    this._showError(null);
    this._note.textContent = '';
    this._draw();
  }

  private _draw(): void {
    const current = this._follower.current;
    const link = this._link;
    const status = link?.status ?? null;
    this._document.textContent = current?.document.title.label ?? '';
    this._document.title = current?.document.title.label ?? '';
    this._refresh.disabled = link?.phase !== 'loaded';
    if (link && link.trouble !== this._trouble) {
      this._trouble = link.trouble;
      this._showError(link.trouble);
    }
    if (!link || link.phase !== 'loaded' || !status) {
      const phase = link?.phase === 'loaded' ? 'asking' : (link?.phase ?? null);
      redraw(
        this._body,
        welcome(phase, link?.language ?? '', {
          load: () => void this._follower.run('%load_ext s3magic', { first: true })
        })
      );
      return;
    }
    if (this.isVisible) {
      link.identifyOnce();
    }
    redraw(
      this._body,
      identitySection(status, link.identityFailure, {
        identify: () => void link.identify(),
        run: code => void this._follower.run(code)
      }),
      mountsSection(status, {
        unmount: path => void this._unmount(path),
        find: path => this._findFolder(path, status.home),
        isEnding: path => this._ending.has(path)
      })
    );
  }

  private async _unmount(path: string): Promise<void> {
    this._ending.add(path);
    this._draw();
    await this._ask('unmount', { path });
    this._ending.delete(path);
    this._draw();
  }

  /** Ask the kernel; its answer comes with the status, an error is shown. */
  private async _ask<M extends keyof Methods>(method: M, params: Methods[M]['params']): Promise<void> {
    const link = this._link;
    if (!link) {
      return;
    }
    this._showError(null);
    const impatient = window.setTimeout(() => {
      if (link === this._link) {
        this._note.textContent = 'The kernel is busy. This is what it told last.';
      }
    }, PATIENCE);
    try {
      await link.request(method, params);
    } catch (error) {
      if (link === this._link) {
        this._showError(error instanceof RequestError ? error.failure : { message: String(error), hint: '' });
      }
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
  private readonly _ending = new Set<string>();
  private _link: KernelLink | null = null;
  private _trouble: Failure | null = null; // shown already, perhaps dismissed
  private _ticking = 0;
}
