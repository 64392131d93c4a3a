/** Making elements; text goes in as text alone, so that no name from S3 is ever read as HTML. */

export interface Attributes {
  readonly text?: string;
  readonly class?: string;
  readonly title?: string;
  /** What a screen reader says in place of the text. */
  readonly label?: string;
  readonly role?: string;
  readonly id?: string;
  /** Marks an element that gets the focus back after the section is drawn anew. */
  readonly key?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly onClick?: () => unknown;
}

/** Make one element with its children; `null` children are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | null)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (attributes.text !== undefined) {
    node.textContent = attributes.text;
  }
  if (attributes.class !== undefined) {
    node.className = attributes.class;
  }
  const named = {
    title: attributes.title,
    'aria-label': attributes.label,
    role: attributes.role,
    id: attributes.id,
    'data-key': attributes.key,
    ...attributes.attributes
  };
  for (const [name, value] of Object.entries(named)) {
    if (value !== undefined) {
      node.setAttribute(name, value);
    }
  }
  if (attributes.onClick) {
    node.addEventListener('click', attributes.onClick);
  }
  node.append(...children.filter(child => child !== null));
  return node;
}

/** Make an element of long text, such as a path, that may break after a slash or a colon. */
export function breakable<K extends keyof HTMLElementTagNameMap>(tag: K, text: string, attributes: Attributes = {}) {
  const node = make(tag, attributes);
  for (const part of text.split(/(?<=[/:]+)(?![/:])/)) {
    node.append(part, document.createElement('wbr'));
  }
  return node;
}

/** Make a button. */
export function button(text: string, onClick: () => unknown, attributes: Attributes = {}): HTMLButtonElement {
  const node = make('button', { ...attributes, text, onClick, class: `s3magic-Button ${attributes.class ?? ''}`.trim() });
  node.type = 'button';
  return node;
}

/** Make a section with its heading. */
export function section(id: string, title: string, ...children: (Node | null)[]): HTMLElement {
  const heading = `s3magic-${id}`;
  return make(
    'section',
    { class: 's3magic-Section', attributes: { 'aria-labelledby': heading } },
    make('h3', { id: heading, text: title, key: heading, attributes: { tabindex: '-1' } }),
    ...children
  );
}

/** Draw a container anew; the focus stays on the element of the same key, or goes to the heading of its section. */
export function redraw(container: HTMLElement, ...children: (Node | null)[]): void {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && container.contains(active) ? active : null;
  const keys = [focused, focused?.closest('section')?.querySelector<HTMLElement>('h3')].map(node => node?.dataset['key']);
  container.replaceChildren(...children.filter(child => child !== null));
  if (focused) {
    const keyed = [...container.querySelectorAll<HTMLElement>('[data-key]')];
    const same = keys.map(key => keyed.find(node => node.dataset['key'] === key)).find(node => node !== undefined);
    (same ?? keyed[0])?.focus();
  }
}
