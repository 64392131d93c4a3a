/** The line at the foot of the panel that says what was done; in Notebook 7 and JupyterLab alike. */

import { Clipboard } from '@jupyterlab/apputils';

import { button, make } from './dom';
import type { Failure } from './types';
import { printable } from './words';

/** How long a line stays that wants nothing. */
const STAY = 12_000;

export interface NoticeAction {
  readonly text: string;
  readonly run: () => void;
}

export class Notice {
  readonly node = make('div', { class: 's3magic-Notice', role: 'status' });

  /** Say something; what has an action, or is `kept`, stays until it is dismissed or something else is said. */
  say(text: string, { action = null, kept = false }: { action?: NoticeAction | null; kept?: boolean } = {}): void {
    this._show('', make('p', { text }), action);
    if (!action && !kept) {
      this._timer = window.setTimeout(() => this.clear(), STAY);
    }
  }

  /** Say what went wrong and what to do. */
  fail(failure: Failure): void {
    const hint = failure.hint ? make('p', { text: printable(failure.hint) }) : null;
    this._show('error', make('p', { text: printable(failure.message) }), null, hint);
  }

  clear(): void {
    window.clearTimeout(this._timer);
    this.node.replaceChildren();
  }

  /** Copy a text and say so; where the browser wants a click of its own for that, a button asks for it. */
  async copy(text: string, told: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(told);
    } catch {
      // No secure address, or too long ago that somebody clicked.
      const run = (): void => {
        Clipboard.copyToSystem(text);
        this.say(told);
      };
      this.say('Your browser copies only at a click.', { action: { text: 'Copy', run } });
    }
  }

  private _show(
    kind: '' | 'error',
    text: HTMLElement,
    action: NoticeAction | null,
    hint: HTMLElement | null = null
  ): void {
    this.clear();
    this.node.dataset['kind'] = kind;
    const dismiss = button('×', () => this.clear(), { class: 's3magic-mod-icon', label: 'Dismiss', title: 'Dismiss' });
    const act = action ? button(action.text, action.run) : null;
    const words = make('div', { class: 's3magic-NoticeWords' }, text, hint, act);
    this.node.append(words, dismiss);
  }

  private _timer = 0;
}
