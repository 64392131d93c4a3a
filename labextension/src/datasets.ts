/** The section with the linked datasets that the kernel has opened: what is here and, when asked, how S3 has them. */

import { breakable, button, make, section } from './dom';
import type { Place } from './mounts';
import type { Dataset, DatasetStanding, Status } from './types';
import { counted, sizeText } from './words';

export interface DatasetActions {
  /** Compare a dataset with S3. */
  check(path: string): void;
  /** Put a line into a cell and run it. */
  run(code: string): void;
  find(path: string): Place | null;
  /** What came of a check; `asking` while one is under way. */
  standing(path: string): DatasetStanding | 'asking' | null;
}

/** Draw the section; nothing where no dataset was opened. */
export function datasetsSection(status: Status, actions: DatasetActions): HTMLElement | null {
  if (!status.datasets.length) {
    return null;
  }
  const list = make('ul', { class: 's3magic-List' });
  list.append(...status.datasets.map(dataset => row(dataset, actions)));
  return section('datasets', 'Linked tiles', list);
}

function row(dataset: Dataset, actions: DatasetActions): HTMLElement {
  const { path, tiles, here, size } = dataset;
  const place = actions.find(path);
  const standing = actions.standing(path);
  const isAsking = standing === 'asking';
  const name = path.slice(path.lastIndexOf('/') + 1);
  const check = button(isAsking ? 'Checking …' : 'Check', () => !isAsking && actions.check(path), {
    key: `check ${path}`,
    label: `Check ${name} on S3`,
    title: 'Compare the tiles with S3; nothing is downloaded',
    attributes: { 'aria-disabled': String(isAsking) }
  });
  const fetch = button('Fetch', () => actions.run(dataset.fetch), {
    key: `fetch ${path}`,
    label: `Fetch the tiles of ${name}`,
    title: 'Download what is not here yet, by a line in a new cell'
  });
  return make(
    'li',
    { class: 's3magic-Item' },
    place
      ? breakable('button', place.name, {
          class: 's3magic-Button s3magic-mod-link s3magic-Url',
          key: `open ${path}`,
          label: `Show ${place.name} in the file browser`,
          title: `Show in the file browser: ${path}`,
          attributes: { type: 'button' },
          onClick: place.open
        })
      : breakable('div', path, { class: 's3magic-Url' }),
    make('div', { class: 's3magic-Path', text: `${counted(tiles, 'tile')}, ${sizeText(size)} · ${here} fetched` }),
    make('progress', {
      class: 's3magic-Progress',
      label: `${here} of ${tiles} tiles fetched`,
      attributes: { max: String(Math.max(tiles, 1)), value: String(here) }
    }),
    standing && standing !== 'asking' ? words(standing) : null,
    make('div', { class: 's3magic-Foot s3magic-mod-start' }, here < tiles ? fetch : null, check)
  );
}

function words({ remote, local }: DatasetStanding): HTMLElement {
  const isWell = Object.keys(remote).every(word => word === 'ok' || word === 'unhashed') && !local['modified'];
  return make('div', {
    class: 's3magic-Condition',
    text: `On S3: ${counts(remote)}; here: ${counts(local)}`,
    attributes: { 'data-condition': isWell ? 'ok' : 'odd' }
  });
}

function counts(found: Readonly<Record<string, number>>): string {
  return Object.entries(found)
    .map(([word, count]) => `${count} ${word}`)
    .join(', ');
}
