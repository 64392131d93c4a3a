/** What the panel says while there is nothing to show: no notebook, no kernel, s3magic not loaded. */

import { button, make } from './dom';
import type { Phase } from './kernel';

export interface WelcomeActions {
  /** Run `%load_ext s3magic` in the document in front. */
  load(): void;
}

/** Draw the words for a phase; `phase` is null when no notebook or console is open. */
export function welcome(phase: Exclude<Phase, 'loaded'> | null, language: string, actions: WelcomeActions): HTMLElement {
  const canLoad = phase === 'unloaded';
  return make(
    'div',
    { class: 's3magic-Welcome' },
    make('p', { text: words(phase, language) }),
    canLoad ? button('Load s3magic', () => actions.load(), { class: 's3magic-mod-accept', key: 'load' }) : null,
    canLoad ? make('code', { class: 's3magic-Code', text: '%load_ext s3magic' }) : null
  );
}

function words(phase: Exclude<Phase, 'loaded'> | null, language: string): string {
  switch (phase) {
    case null:
      return 'Open a notebook or a console: its S3 identity and mounts are shown here.';
    case 'none':
      return 'No kernel is running. Start one to work with S3.';
    case 'asking':
      return 'Waiting for the kernel …';
    case 'foreign':
      return `s3magic works in Python notebooks; this one speaks ${language || 'another language'}.`;
    case 'unloaded':
      return 's3magic is not loaded in this kernel yet. One line brings it in:';
  }
}
