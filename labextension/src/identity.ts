/** The section that tells who S3 takes us for. */

import { breakable, button, make, section } from './dom';
import type { Connection, Failure, Identity, Lights, Status } from './types';
import { printable } from './words';

export interface IdentityActions {
  /** Ask S3 who we are. */
  identify(): void;
  /** Run a line in the document in front. */
  run(code: string): void;
  /** Keep in mind whether all there is to know is to be shown. */
  showWhole(isWhole: boolean): void;
}

/** What the section shows beside the status. */
export interface Shown {
  /** What S3 said when it was asked who we are, where it did not tell. */
  readonly failure: Failure | null;
  /** What one may do at a place, where somebody asked. */
  readonly lights: Lights | null;
  /** Whether all there is to know is shown, or the name alone. */
  readonly isWhole: boolean;
}

/** Draw the section. */
export function identitySection(status: Status, shown: Shown, actions: IdentityActions): HTMLElement {
  const { connection, identity } = status;
  const { failure } = shown;
  if (!connection) {
    return section(
      'identity',
      'Identity',
      make('p', { text: 'No credentials chosen yet. S3 commands use the usual AWS credentials unless you choose.' }),
      make(
        'div',
        { class: 's3magic-Buttons' },
        button('Choose credentials', () => actions.run('%s3creds'), { key: 'creds' }),
        button('Start sandbox', () => actions.run('%s3sandbox'), {
          key: 'sandbox',
          title: 'A small S3 on this machine with teaching data; needs no account'
        })
      ),
      lightsLine(shown.lights)
    );
  }
  const notes = [connection.note, identity?.note, failure?.message, failure?.hint];
  const isSandbox = connection.endpoint_url !== null && connection.endpoint_url === status.sandbox?.endpoint_url;
  const life = connection.expires ? lifeText(connection.expires, Date.now()) : '';
  const brief = [connection.profile ?? connection.provider, isSandbox ? 'sandbox' : connection.region, life];
  const more = make(
    'details',
    { class: 's3magic-More' },
    make('summary', { text: brief.filter(word => word).join(' · '), key: 'identity-more' }),
    details(rows(connection, identity, status.sandbox?.endpoint_url ?? null)),
    make('div', { class: 's3magic-Buttons' }, button('Choose others', () => actions.run('%s3creds'), { key: 'creds' }))
  );
  more.open = shown.isWhole;
  more.addEventListener('toggle', () => actions.showWhole(more.open));
  return section(
    'identity',
    'Identity',
    identity ? make('p', { class: 's3magic-Name', text: shortName(identity), title: identity.arn ?? '' }) : null,
    more,
    ...[...new Set(notes)].map(note => (note ? make('p', { class: 's3magic-Hint', text: note }) : null)),
    identity
      ? null
      : button('Who am I?', () => actions.identify(), { key: 'identify', title: 'Ask S3 which account this is' }),
    lightsLine(shown.lights)
  );
}

/** Five lights for one place, each with its word, so that no colour says it alone. */
function lightsLine(lights: Lights | null): HTMLElement | null {
  if (!lights) {
    return null;
  }
  const list = make('ul', { class: 's3magic-Lights', label: `What you may do at ${lights.url}` });
  for (const { name, light, detail } of lights.lights) {
    list.append(
      make('li', {
        text: name,
        title: printable(`${name}: ${light}${detail ? ` – ${detail}` : ''}`),
        label: `${name}: ${light}`,
        attributes: { 'data-light': light }
      })
    );
  }
  const url = breakable('div', printable(lights.url), { class: 's3magic-Path' });
  return make('div', { class: 's3magic-LightsOf' }, url, list);
}

/** The last part of an ARN: the name people know. */
export function shortName(identity: Identity): string {
  if (!identity.arn) {
    return identity.provider === 'anonymous' ? 'Anonymous' : (identity.user_id ?? 'Unknown');
  }
  return identity.arn.slice(Math.max(identity.arn.lastIndexOf('/'), identity.arn.lastIndexOf(':')) + 1);
}

/** How long the credentials live: "for 43 min", "for 5 h", or that they ended. */
export function lifeText(expires: string, now: number): string {
  const minutes = Math.floor((Date.parse(expires) - now) / 60_000);
  if (Number.isNaN(minutes)) {
    return expires;
  }
  if (minutes < 0) {
    return 'expired';
  }
  if (minutes < 1) {
    return 'for less than a minute';
  }
  return minutes < 120 ? `for ${minutes} min` : `for ${Math.floor(minutes / 60)} h`;
}

function rows(connection: Connection, identity: Identity | null, sandbox: string | null): [string, string | null][] {
  const endpoint = connection.endpoint_url;
  return [
    ['Account', identity?.account ?? null],
    ['ARN', identity?.arn ?? null],
    ['From', connection.provider],
    ['Profile', connection.profile],
    ['Region', connection.region],
    ['Endpoint', endpoint && endpoint === sandbox ? `${endpoint} (sandbox)` : endpoint],
    ['Valid', connection.expires ? lifeText(connection.expires, Date.now()) : null]
  ];
}

function details(lines: [string, string | null][]): HTMLElement {
  const list = make('dl', { class: 's3magic-Details' });
  for (const [name, value] of lines) {
    if (value) {
      list.append(make('dt', { text: name }), breakable('dd', value));
    }
  }
  return list;
}
