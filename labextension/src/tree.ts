/**
 * The tree of buckets, folders and objects as data: what is loaded, what is open, what a filter lets through.
 *
 * Pure: it draws nothing and asks nobody. Whoever opens a folder asks the kernel and hands the answer in.
 */

import type { Child, Failure } from './types';

/** One bucket, folder or object; a pinned folder is a root of its own. */
export interface TreeNode {
  /** One of a kind among all that are shown. */
  readonly id: string;
  readonly kind: 'bucket' | 'folder' | 'object';
  readonly bucket: string;
  /** The whole key; that of a folder ends in a slash, that of a bucket is empty. */
  readonly key: string;
  /** What it is called among its siblings, as S3 has it. */
  readonly name: string;
  readonly parent: TreeNode | null;
  readonly isPinned: boolean;
  readonly size: number | null;
  readonly modified: string | null;
  readonly archived: boolean;
}

interface Line {
  readonly id: string;
  /** From 1 on. */
  readonly level: number;
}

/** One line of the tree: a node, or what is to be said in its place. A parent that is null stands for the buckets. */
export type Row =
  | (Line & { readonly type: 'node'; readonly node: TreeNode; readonly isOpen: boolean })
  | (Line & { readonly type: 'loading' | 'empty' })
  | (Line & { readonly type: 'more'; readonly parent: TreeNode | null; readonly count: number })
  | (Line & { readonly type: 'seek'; readonly parent: TreeNode; readonly beginning: string })
  | (Line & { readonly type: 'failure'; readonly parent: TreeNode | null; readonly failure: Failure });

/** A request that somebody has to make: a page of a folder's children, or of the buckets where `node` is null. */
export interface Wish {
  readonly node: TreeNode | null;
  readonly token: string | null;
  /** Only names that begin so; they are shown beside those that are loaded. */
  readonly beginning: string;
}

/** What a key does in the tree: another row gets the focus, a folder opens or closes, a row is carried out. */
export type Move =
  | { readonly type: 'focus'; readonly id: string }
  | { readonly type: 'open' | 'close'; readonly node: TreeNode }
  | { readonly type: 'activate'; readonly row: Row };

interface Branch {
  children: TreeNode[];
  next: string | null;
  isLoaded: boolean;
  failure: Failure | null;
  /** The request under way. */
  wish: Wish | null;
  /** Beginnings that were asked for whole. */
  readonly sought: Set<string>;
}

export class Tree {
  /** Text that names must contain; case does not matter. */
  filter = '';

  /** Whether the list of buckets was asked for. */
  get isStarted(): boolean {
    return this.buckets.isLoaded || this.buckets.wish !== null || this.buckets.failure !== null;
  }

  /** Forget all but the pins and what is open: somebody else asks from now on, or all is to be looked at anew. */
  reset(): void {
    this.branches.clear();
    this.buckets = branch();
  }

  /** Show these places first. */
  pin(places: readonly { readonly bucket: string; readonly prefix: string }[]): void {
    this.pins = places.map(({ bucket, prefix }) => ({
      id: `pin s3://${bucket}/${prefix}`,
      kind: prefix ? 'folder' : 'bucket',
      bucket,
      key: prefix,
      name: prefix ? `${bucket}/${prefix}` : bucket,
      parent: null,
      isPinned: true,
      size: null,
      modified: null,
      archived: false
    }));
  }

  /** Open a bucket or folder; returns what has to be asked for, or null where it is known. */
  open(node: TreeNode): Wish | null {
    this.opened.add(node.id);
    const found = this.branchOf(node);
    return found.isLoaded || found.wish ? null : this.wish(node);
  }

  close(node: TreeNode): void {
    this.opened.delete(node.id);
  }

  /** Ask for the first page, or for the next one; again after a failure. Null while something is under way. */
  wish(node: TreeNode | null, beginning = ''): Wish | null {
    const found = this.branchOf(node);
    if (found.wish) {
      return null;
    }
    found.wish = { node, token: beginning ? null : found.next, beginning };
    found.failure = null;
    return found.wish;
  }

  /** Wishes for the roots and for all open folders in sight, of which nothing is known. */
  wishes(): Wish[] {
    const wanted: Wish[] = [];
    const visit = (nodes: readonly TreeNode[]): void => {
      for (const node of nodes.filter(one => this.opened.has(one.id))) {
        const found = this.branchOf(node);
        const wish = found.isLoaded || found.failure ? null : this.wish(node);
        if (wish) {
          wanted.push(wish);
        }
        visit(found.children);
      }
    };
    if (!this.isStarted) {
      wanted.push(this.wish(null) as Wish);
    }
    visit(this.roots());
    return wanted;
  }

  /** Take the children that a wish brought; an answer to a wish of before a reset is dropped. */
  arrived(wish: Wish, children: readonly Child[], next: string | null): void {
    const found = this.branchOf(wish.node);
    if (found.wish !== wish) {
      return;
    }
    const parent = wish.node;
    found.wish = null;
    const known = new Set(found.children.map(child => child.id));
    const fresh = children.map(child => makeNode(child, parent)).filter(child => !known.has(child.id));
    if (wish.beginning) {
      if (next === null) {
        found.sought.add(wish.beginning);
      }
    } else {
      found.isLoaded = true;
      found.next = next;
    }
    const last = found.children[found.children.length - 1];
    found.children.push(...fresh);
    if (last && fresh[0] && compareNames(last.name, fresh[0].name) > 0) {
      found.children.sort((one, other) => compareNames(one.name, other.name));
    }
  }

  /** Take the error that a wish brought. */
  failed(wish: Wish, failure: Failure): void {
    const found = this.branchOf(wish.node);
    if (found.wish === wish) {
      found.wish = null;
      found.failure = failure;
    }
  }

  /** Forget what a folder holds, so that it is asked for anew; its own open folders stay open. */
  forget(node: TreeNode): void {
    this.branches.delete(node.id);
  }

  /** Why the buckets are not listed; null when they are. */
  get denial(): Failure | null {
    return this.buckets.isLoaded ? null : this.buckets.failure;
  }

  /** The lines to draw, from top to bottom. */
  rows(): Row[] {
    const rows: Row[] = [];
    const needle = this.filter.toLowerCase();
    this.addChildren(rows, null, this.roots(), needle);
    return rows;
  }

  /** What a key does when a row has the focus; null when the tree has no use for it. */
  move(rows: readonly Row[], id: string, key: string): Move | null {
    const at = rows.findIndex(row => row.id === id);
    const row = rows[at];
    if (!row) {
      return null;
    }
    const focus = (index: number, step: 1 | -1): Move | null => {
      const found = reachable(rows, index, step);
      return found ? { type: 'focus', id: found.id } : null;
    };
    switch (key) {
      case 'ArrowDown':
        return focus(at + 1, 1);
      case 'ArrowUp':
        return focus(at - 1, -1);
      case 'Home':
        return focus(0, 1);
      case 'End':
        return focus(rows.length - 1, -1);
      case 'ArrowRight':
        if (row.type !== 'node' || row.node.kind === 'object') {
          return null;
        }
        if (!row.isOpen) {
          return { type: 'open', node: row.node };
        }
        return (rows[at + 1]?.level ?? 0) > row.level ? focus(at + 1, 1) : null;
      case 'ArrowLeft':
        if (row.type === 'node' && row.isOpen) {
          return { type: 'close', node: row.node };
        }
        return focus(rows.indexOf(parentOf(rows, at)), -1);
      case 'Enter':
      case ' ':
        return { type: 'activate', row };
      default:
        return null;
    }
  }

  /** The row that typed letters lead to: the next one whose name begins so, from the top again at the end. */
  find(rows: readonly Row[], id: string, letters: string): string | null {
    const at = rows.findIndex(row => row.id === id);
    const wanted = letters.toLowerCase();
    // A first letter goes on from here; more letters may mean this row still.
    const first = letters.length > 1 ? at : at + 1;
    const turned = [...rows.slice(Math.max(first, 0)), ...rows.slice(0, Math.max(first, 0))];
    const found = turned.find(row => row.type === 'node' && row.node.name.toLowerCase().startsWith(wanted));
    return found?.id ?? null;
  }

  private roots(): TreeNode[] {
    const pinned = new Set(this.pins.filter(pin => pin.kind === 'bucket').map(pin => pin.bucket));
    return [...this.pins, ...this.buckets.children.filter(bucket => !pinned.has(bucket.bucket))];
  }

  /** Add the lines below a node; with a needle, tell whether there was anything to add. */
  private addChildren(rows: Row[], parent: TreeNode | null, nodes: readonly TreeNode[], needle: string): boolean {
    const level = parent ? levelOf(parent) + 1 : 1;
    const mark = rows.length;
    for (const node of nodes) {
      const isOpen = this.opened.has(node.id);
      const matches = node.name.toLowerCase().includes(needle);
      const at = rows.length;
      rows.push({ type: 'node', id: node.id, level, node, isOpen });
      const { children } = this.branchOf(node);
      const holds = isOpen && this.addChildren(rows, node, children, matches ? '' : needle);
      if (!matches && !holds) {
        rows.length = at;
      }
    }
    const note = this.note(parent, level, needle);
    if (note) {
      rows.push(note);
    }
    return rows.length > mark;
  }

  /** What stands below the children of a node: that they are loading, why they are not there, that there are more. */
  private note(parent: TreeNode | null, level: number, needle: string): Row | null {
    const found = this.branchOf(parent);
    const id = parent?.id ?? '';
    if (found.failure) {
      const { failure } = found; // of the buckets, `denial` tells
      return parent || found.isLoaded ? { type: 'failure', id: `${id} failure`, level, parent, failure } : null;
    }
    if (found.wish) {
      return { type: 'loading', id: `${id} loading`, level };
    }
    if (found.next !== null && !needle) {
      return { type: 'more', id: `${id} more`, level, parent, count: found.children.length };
    }
    if (found.next !== null && parent && !found.sought.has(this.filter)) {
      return { type: 'seek', id: `${id} seek`, level, parent, beginning: this.filter };
    }
    const isEmpty = found.isLoaded && !found.children.length && !needle && parent !== null;
    return isEmpty ? { type: 'empty', id: `${id} empty`, level } : null;
  }

  private branchOf(node: TreeNode | null): Branch {
    if (!node) {
      return this.buckets;
    }
    let found = this.branches.get(node.id);
    if (!found) {
      found = branch();
      this.branches.set(node.id, found);
    }
    return found;
  }

  private pins: TreeNode[] = [];
  private buckets: Branch = branch();
  private readonly branches = new Map<string, Branch>();
  private readonly opened = new Set<string>();
}

function branch(): Branch {
  return { children: [], next: null, isLoaded: false, failure: null, wish: null, sought: new Set() };
}

function makeNode(child: Child, parent: TreeNode | null): TreeNode {
  if (!parent) {
    return {
      id: `s3://${child.name}/`,
      kind: 'bucket',
      bucket: child.name,
      key: '',
      name: child.name,
      parent,
      isPinned: false,
      size: null,
      modified: null,
      archived: false
    };
  }
  return {
    id: parent.id + child.name,
    kind: child.size === undefined ? 'folder' : 'object',
    bucket: parent.bucket,
    key: parent.key + child.name,
    name: child.name,
    parent,
    isPinned: false,
    size: child.size ?? null,
    modified: child.modified ?? null,
    archived: child.archived ?? false
  };
}

/** The order of S3: that of UTF-8, which is that of code points. */
export function compareNames(one: string, other: string): number {
  const [left, right] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  for (;;) {
    const [a, b] = [left.next(), right.next()];
    if (a.done || b.done) {
      return Number(b.done ?? false) - Number(a.done ?? false);
    }
    if (a.value !== b.value) {
      return (a.value.codePointAt(0) ?? 0) - (b.value.codePointAt(0) ?? 0);
    }
  }
}

function levelOf(node: TreeNode): number {
  return node.parent ? levelOf(node.parent) + 1 : 1;
}

/** The row that a row is a child of; itself where it is a root. */
function parentOf(rows: readonly Row[], at: number): Row {
  const row = rows[at] as Row;
  return [...rows.slice(0, at)].reverse().find(other => other.level < row.level) ?? row;
}

/** The first row from a place on that can have the focus. */
function reachable(rows: readonly Row[], index: number, step: 1 | -1): Row | null {
  for (let at = index; at >= 0 && at < rows.length; at += step) {
    const row = rows[at];
    if (row && row.type !== 'loading' && row.type !== 'empty') {
      return row;
    }
  }
  return null;
}
