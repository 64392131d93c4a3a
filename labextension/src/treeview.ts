/** Drawing the tree and moving about in it by mouse and keys, as the ARIA pattern of a tree wants it; asks nobody. */

import { caretDownIcon, caretRightIcon, ellipsesIcon } from '@jupyterlab/ui-components';

import { make } from './dom';
import { iconElement, iconOf } from './icon';
import type { Row, Tree, TreeNode } from './tree';
import { dateText, printable, sizeText } from './words';

/** How long typed letters belong to one word. */
const TYPING = 700;

export interface TreeActions {
  open(node: TreeNode): void;
  close(node: TreeNode): void;
  /** The next page of a folder, or of the buckets; again after a failure. */
  more(parent: TreeNode | null): void;
  /** Names of a folder that begin as the filter does. */
  seek(parent: TreeNode): void;
  menu(node: TreeNode, x: number, y: number): void;
}

export class TreeView {
  constructor(actions: TreeActions) {
    this._actions = actions;
    this.node.addEventListener('click', event => this._onClick(event));
    this.node.addEventListener('keydown', event => this._onKey(event));
    this.node.addEventListener('contextmenu', event => this._onContextMenu(event));
    this.node.addEventListener('focusin', event => {
      const row = this._rowAt(event.target);
      if (row) {
        this._setCurrent(row.id);
      }
    });
  }

  readonly node = make('div', { class: 's3magic-Tree', role: 'tree', label: 'Buckets, folders and objects' });

  /**
   * Draw the lines of a tree; the focus stays on its line, or goes to the one that took its place.
   *
   * A line that says the same as before stays the same element: a click would miss one that is put in place anew.
   */
  draw(tree: Tree): void {
    const had = this.node.contains(document.activeElement);
    const before = this._rows.findIndex(row => row.id === this._current);
    this._tree = tree;
    this._rows = tree.rows();
    const now = new Date();
    const lines = this._rows.map(row => this._known(row) ?? this._line(row, now));
    const kept = new Set<Element>(lines);
    [...this.node.children].filter(line => !kept.has(line)).forEach(line => line.remove());
    let next = this.node.firstElementChild; // never `children[at]`, which is counted anew after each change
    for (const line of lines) {
      if (line === next) {
        next = next.nextElementSibling;
      } else {
        this.node.insertBefore(line, next);
      }
    }
    this._drawn = new Map(this._rows.map((row, at) => [row.id, { said: said(row), line: lines[at] as HTMLElement }]));
    this.node.hidden = !this._rows.length;
    if (!this._rows.some(row => row.id === this._current)) {
      this._current = this._rows[Math.min(Math.max(before, 0), this._rows.length - 1)]?.id ?? '';
    }
    this._mark(had);
  }

  /** Put the focus on a line. */
  focus(id: string): void {
    this._setCurrent(id);
    this._mark(true);
  }

  private _known(row: Row): HTMLElement | null {
    const found = this._drawn.get(row.id);
    return found?.said === said(row) ? found.line : null;
  }

  private _line(row: Row, now: Date): HTMLElement {
    switch (row.type) {
      case 'node':
        return this._nodeLine(row.node, row.level, row.isOpen, now);
      case 'loading':
        return line(row, 'Loading …', { 'aria-disabled': 'true', 'aria-busy': 'true' });
      case 'empty':
        return line(row, 'Empty', { 'aria-disabled': 'true' });
      case 'more':
        return line(row, `More … (${row.count} shown)`, {}, 's3magic-mod-action');
      case 'seek':
        return line(row, `Names on S3 that begin with “${row.beginning}” …`, {}, 's3magic-mod-action');
      case 'failure': {
        const { message, hint } = row.failure;
        const made = line(row, printable(message), {}, 's3magic-mod-failure');
        made.lastElementChild?.append(make('div', { class: 's3magic-Hint', text: printable(hint) }));
        made.append(make('span', { class: 's3magic-Retry', text: 'Retry' }));
        return made;
      }
    }
  }

  private _nodeLine(node: TreeNode, level: number, isOpen: boolean, now: Date): HTMLElement {
    const name = printable(node.kind === 'folder' && !node.isPinned ? node.name.replace(/\/$/, '') : node.name) || '/';
    const hasChildren = node.kind !== 'object';
    const facts = [
      `s3://${node.bucket}/${node.key}`,
      node.size === null ? '' : `${node.size.toLocaleString()} bytes`,
      node.modified === null ? '' : new Date(node.modified).toLocaleString(),
      node.archived ? 'In an archive class: it must be restored before it can be read' : ''
    ];
    const twisty = make('span', { class: 's3magic-Twisty', attributes: { 'aria-hidden': 'true' } });
    if (hasChildren) {
      twisty.append(iconElement(isOpen ? caretDownIcon : caretRightIcon));
    }
    const icon = iconElement(iconOf(node));
    icon.setAttribute('aria-hidden', 'true');
    icon.classList.add('s3magic-Icon');
    const dots = make('button', {
      class: 's3magic-Dots',
      label: `Actions for ${name}`,
      title: 'Actions',
      attributes: { type: 'button', tabindex: '-1' }
    });
    dots.append(iconElement(ellipsesIcon));
    return make(
      'div',
      {
        class: `s3magic-Row s3magic-mod-${node.kind}`,
        role: 'treeitem',
        label: name,
        title: printable(facts.filter(fact => fact).join('\u0001')).replaceAll('‹0001›', '\n'),
        attributes: {
          'data-id': node.id,
          'aria-level': String(level),
          style: `--s3magic-level: ${level - 1}`,
          ...(hasChildren ? { 'aria-expanded': String(isOpen) } : {})
        }
      },
      twisty,
      icon,
      make('span', { class: 's3magic-Label', text: name }),
      node.archived ? make('span', { class: 's3magic-Badge', text: 'archived' }) : null,
      node.size === null ? null : make('span', { class: 's3magic-Size', text: sizeText(node.size) }),
      node.modified === null ? null : make('span', { class: 's3magic-Date', text: dateText(node.modified, now) }),
      dots
    );
  }

  private _onClick(event: MouseEvent): void {
    const row = this._rowAt(event.target);
    if (!row) {
      return;
    }
    this.focus(row.id);
    const dots = event.target instanceof Element ? event.target.closest('.s3magic-Dots') : null;
    if (dots && row.type === 'node') {
      const box = dots.getBoundingClientRect();
      this._actions.menu(row.node, box.left, box.bottom);
    } else if (row.type !== 'node' || row.node.kind !== 'object') {
      this._activate(row);
    }
  }

  private _onContextMenu(event: MouseEvent): void {
    const row = this._rowAt(event.target);
    if (row?.type === 'node' && !event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      this.focus(row.id);
      // The key for menus gives no place of its own.
      const line = this._lineOf(row.id)?.getBoundingClientRect();
      const isPlaced = event.clientX > 0 || event.clientY > 0;
      const [x, y] = isPlaced ? [event.clientX, event.clientY] : [(line?.left ?? 0) + 24, line?.bottom ?? 0];
      this._actions.menu(row.node, x, y);
    }
  }

  private _onKey(event: KeyboardEvent): void {
    const tree = this._tree;
    if (!tree || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const move = event.shiftKey ? null : tree.move(this._rows, this._current, event.key);
    if (event.shiftKey && event.key === 'F10') {
      this._menuAtRow();
    } else if (move) {
      if (move.type === 'focus') {
        this.focus(move.id);
      } else if (move.type === 'activate') {
        this._activate(move.row);
      } else {
        this._actions[move.type](move.node);
      }
    } else if (event.key.length === 1 && event.key !== ' ') {
      this._type(tree, event.key);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private _type(tree: Tree, letter: string): void {
    const isSameWord = performance.now() - this._typedAt < TYPING;
    this._typed = isSameWord ? this._typed + letter : letter;
    this._typedAt = performance.now();
    const found = tree.find(this._rows, this._current, this._typed);
    if (found !== null) {
      this.focus(found);
    }
  }

  private _activate(row: Row): void {
    switch (row.type) {
      case 'node':
        if (row.node.kind === 'object') {
          this._menuAtRow();
        } else {
          this._actions[row.isOpen ? 'close' : 'open'](row.node);
        }
        return;
      case 'more':
      case 'failure':
        this._actions.more(row.parent);
        return;
      case 'seek':
        this._actions.seek(row.parent);
    }
  }

  private _menuAtRow(): void {
    const row = this._rows.find(one => one.id === this._current);
    const box = this._lineOf(this._current)?.getBoundingClientRect();
    if (row?.type === 'node' && box) {
      this._actions.menu(row.node, box.left + 24, box.bottom);
    }
  }

  private _rowAt(target: EventTarget | null): Row | null {
    const found = target instanceof Element ? target.closest<HTMLElement>('[data-id]') : null;
    return this._rows.find(row => row.id === found?.dataset['id']) ?? null;
  }

  private _lineOf(id: string): HTMLElement | null {
    return this._drawn.get(id)?.line ?? null;
  }

  private _setCurrent(id: string): void {
    this._lineOf(this._current)?.setAttribute('tabindex', '-1');
    this._current = id;
    this._lineOf(id)?.setAttribute('tabindex', '0');
  }

  private _mark(withFocus: boolean): void {
    const line = this._lineOf(this._current);
    line?.setAttribute('tabindex', '0');
    if (withFocus) {
      line?.focus();
    }
  }

  private readonly _actions: TreeActions;
  private _tree: Tree | null = null;
  private _drawn = new Map<string, { readonly said: string; readonly line: HTMLElement }>();
  private _rows: readonly Row[] = [];
  private _current = '';
  private _typed = '';
  private _typedAt = 0;
}

/** All that a line shows and its id does not tell. */
function said(row: Row): string {
  switch (row.type) {
    case 'node':
      return [row.type, row.level, row.isOpen, row.node.size, row.node.modified, row.node.archived].join(' ');
    case 'more':
      return `${row.type} ${row.count}`;
    case 'seek':
      return `${row.type} ${row.beginning}`;
    case 'failure':
      return `${row.type} ${row.failure.message}`;
    default:
      return row.type;
  }
}

function line(row: Row, text: string, attributes: Record<string, string>, extra = ''): HTMLElement {
  return make(
    'div',
    {
      class: `s3magic-Row s3magic-mod-note ${extra}`.trim(),
      role: 'treeitem',
      attributes: {
        'data-id': row.id,
        'aria-level': String(row.level),
        style: `--s3magic-level: ${row.level - 1}`,
        ...attributes
      }
    },
    make('span', { class: 's3magic-Twisty' }),
    make('span', { class: 's3magic-Label', text })
  );
}
