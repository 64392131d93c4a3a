/** The section with the mounts of the kernel. */

import { breakable, button, make, section } from './dom';
import type { Mount, Rate, Status } from './types';
import { counted, sizeText } from './words';

/** A folder as the file browser knows it. */
export interface Place {
  /** Its path in the server's root. */
  readonly name: string;
  open(): void;
}

export interface MountActions {
  unmount(path: string): void;
  /** Where the file browser has a folder; null when it lies outside the server's root. */
  find(path: string): Place | null;
  /** Whether a mount is being ended right now. */
  isEnding(path: string): boolean;
  /** What it has read and how fast it reads, as far as that is known. */
  rate(path: string): Rate | null;
}

/** Draw the section. */
export function mountsSection(status: Status, actions: MountActions): HTMLElement {
  if (!status.mounts.length) {
    return section(
      'mounts',
      'Mounts',
      make('p', { text: 'Nothing is mounted. Choose Mount in the menu of a folder, or write' }),
      make('code', { class: 's3magic-Code', text: '%s3mount s3://bucket/prefix/' })
    );
  }
  const list = make('ul', { class: 's3magic-List' });
  list.append(...status.mounts.map(mount => row(mount, actions)));
  return section('mounts', 'Mounts', list);
}

/** The path of a folder as the file browser knows it; null when it is outside the server's root. */
export function insideRoot(path: string, root: string, home: string): string | null {
  const whole = (root === '~' || root.startsWith('~/') ? home + root.slice(1) : root).replace(/\/+$/, '');
  if (path === whole) {
    return '';
  }
  return path.startsWith(`${whole}/`) ? path.slice(whole.length + 1) : null;
}

function row(mount: Mount, actions: MountActions): HTMLElement {
  const place = actions.find(mount.path);
  const ending = actions.isEnding(mount.path);
  // A button that is ending keeps the focus, so it is told to be disabled rather than made so.
  const unmount = button(ending ? 'Unmounting …' : 'Unmount', () => !ending && actions.unmount(mount.path), {
    key: `unmount ${mount.path}`,
    label: `${ending ? 'Unmounting' : 'Unmount'} ${mount.url}`,
    attributes: { 'aria-disabled': String(ending) }
  });
  return make(
    'li',
    { class: 's3magic-Item' },
    breakable('div', mount.url, { class: 's3magic-Url' }),
    place
      ? breakable('button', place.name, {
          class: 's3magic-Button s3magic-mod-link',
          key: `open ${mount.path}`,
          label: `Show ${place.name} in the file browser`,
          title: `Show in the file browser: ${mount.path}`,
          attributes: { type: 'button' },
          onClick: place.open
        })
      : breakable('div', mount.path, { class: 's3magic-Path' }),
    rateLine(actions.rate(mount.path)),
    make(
      'div',
      { class: 's3magic-Foot' },
      make('span', {
        class: 's3magic-Condition',
        text: `${mount.condition}, ${mount.read_only ? 'read-only' : 'read and write'}`,
        attributes: { 'data-condition': mount.condition }
      }),
      unmount
    )
  );
}

function rateLine(rate: Rate | null): HTMLElement | null {
  if (!rate?.requests) {
    return null;
  }
  const now = rate.rate ? `${sizeText(rate.rate)}/s · ` : '';
  return make('div', {
    class: 's3magic-Path s3magic-Rate',
    text: `${now}${sizeText(rate.fetched)} read in ${counted(rate.requests, 'request')}`
  });
}
