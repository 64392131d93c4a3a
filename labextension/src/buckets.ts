/** The section with the tree: asks the kernel for what is opened, and carries out what the menu of a node offers. */

import { addIcon } from '@jupyterlab/ui-components';

import { button, make, redraw, section } from './dom';
import { iconElement } from './icon';
import { RequestError, type KernelLink } from './kernel';
import type { NodeActions } from './menu';
import type { Notice } from './notice';
import type { Pins } from './pins';
import { Tree, type TreeNode, type Wish } from './tree';
import { TreeView } from './treeview';
import type { Failure, Methods, Purpose, Status } from './types';
import { uploadFiles } from './upload';
import { endText, printable } from './words';

export interface BucketsHost {
  readonly notice: Notice;
  /** Run a line in the document in front, or only put it there. */
  run(code: string): Promise<void>;
  insert(code: string): void;
  /** Told of every question to the kernel, so that one that takes long is explained. */
  wait(answer: Promise<unknown>): Promise<void>;
  /** Show what one may do at a place. */
  showLights(node: TreeNode): void;
}

/** The section; its elements stay, so that neither focus nor scrolling is lost. */
export class Buckets {
  constructor(host: BucketsHost, pins: Pins) {
    this._host = host;
    this._pins = pins;
    this._filter.addEventListener('input', () => {
      if (this._tree) {
        this._tree.filter = this._filter.value.trim();
        this._draw();
      }
    });
    this._filter.addEventListener('keydown', event => {
      if (event.key === 'ArrowDown') {
        event.preventDefault();
        this._focusTree();
      } else if (event.key === 'Escape' && this._filter.value) {
        this._filter.value = '';
        this._filter.dispatchEvent(new Event('input'));
      }
    });
    this._form.addEventListener('submit', event => {
      event.preventDefault();
      void this._pin(this._url.value);
    });
    this._form.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        this._showForm(false);
      }
    });
    const pin = button('', () => this._showForm(this._form.hidden), {
      class: 's3magic-mod-icon',
      label: 'Pin a bucket',
      title: 'Pin a bucket or folder by its URL, a public one for example'
    });
    pin.append(iconElement(addIcon));
    this.node = section('buckets', 'Buckets', this._form, this._filter, this._words, this._view.node);
    this.node.classList.add('s3magic-Buckets');
    this.node.querySelector('h3')?.after(pin);
    pins.changed.connect(() => this._update());
  }

  readonly node: HTMLElement;

  /** What the menu of a node does. */
  readonly actions: NodeActions = {
    run: (node, purpose) => void this._write(node, purpose),
    insertCode: node => void this._write(node, 'read'),
    copyUrl: node => void this._host.notice.copy(urlOf(node), `Copied ${printable(urlOf(node))}`),
    copyLink: node => void this._copyLink(node),
    download: node => void this._download(node),
    upload: node => this._upload(node),
    lights: node => this._host.showLights(node),
    refresh: node => this._refresh(node),
    pin: node => this._pins.add({ bucket: node.bucket, prefix: node.key }),
    unpin: node => this._pins.remove({ bucket: node.bucket, prefix: node.key })
  };

  /** Open the menu of a node; set by whoever has one. */
  openMenu: (node: TreeNode, x: number, y: number) => void = () => undefined;

  /** Show the tree of a kernel; with `look` what is not known yet is asked for. */
  show(link: KernelLink, status: Status, look: boolean): void {
    let tree = this._trees.get(link);
    if (!tree) {
      tree = new Tree();
      this._trees.set(link, tree);
    }
    if (tree !== this._tree) {
      this._filter.value = tree.filter;
      this._showForm(false);
    }
    this._link = link;
    this._tree = tree;
    this._isChosen = status.connection !== null;
    if (this._askers.get(tree) !== status.asker) {
      this._askers.set(tree, status.asker);
      tree.reset();
    }
    this._update();
    if (look && this._isChosen) {
      this._load();
    }
  }

  /** Forget the tree of a kernel that went away. */
  drop(link: KernelLink): void {
    this._trees.delete(link);
    if (link === this._link) {
      this._link = null;
      this._tree = null;
    }
  }

  /** List all anew that is in sight. */
  refresh(): void {
    this._tree?.reset();
    this._load();
  }

  private _update(): void {
    this._tree?.pin(this._pins.all);
    this._draw();
  }

  private _draw(): void {
    const tree = this._tree;
    if (!tree) {
      return;
    }
    const had = [this._words, this._view.node].some(node => node.contains(document.activeElement));
    this._view.draw(tree);
    const isEmpty = this._view.node.hidden;
    this._filter.hidden = isEmpty && !tree.filter;
    const words: (Node | null)[] = [];
    if (!this._isChosen && !tree.isStarted) {
      words.push(make('p', { text: 'Look at the buckets of the usual AWS credentials, or pin a public one.' }));
      words.push(button('List buckets', () => this._load(), { key: 'list-buckets' }));
    } else if (tree.denial) {
      const { message, hint } = tree.denial;
      const retry = button('Retry', () => this._ask(tree.wish(null)), { key: 'retry-buckets' });
      const pin = button('Pin a bucket', () => this._showForm(true), { key: 'pin-bucket' });
      words.push(make('p', { text: printable(message) }), make('p', { class: 's3magic-Hint', text: printable(hint) }));
      words.push(make('div', { class: 's3magic-Buttons' }, isEmpty ? pin : null, retry));
    } else if (isEmpty && tree.filter) {
      const told = `Nothing that is loaded has “${printable(tree.filter)}” in its name.`;
      words.push(make('p', { class: 's3magic-Hint', text: told }));
    } else if (isEmpty) {
      words.push(make('p', { class: 's3magic-Hint', text: 'There are no buckets yet.' }));
    }
    redraw(this._words, ...words);
    if (had && document.activeElement === document.body) {
      this._focusTree(); // what had the focus is gone
    }
  }

  private _focusTree(): void {
    (this._view.node.querySelector<HTMLElement>('[tabindex="0"]') ?? this._words.querySelector('button'))?.focus();
  }

  private _load(): void {
    this._tree?.wishes().forEach(wish => void this._fulfil(wish));
    this._draw();
  }

  private _ask(wish: Wish | null | undefined): void {
    if (wish) {
      void this._fulfil(wish);
    }
    this._draw();
  }

  private async _fulfil(wish: Wish): Promise<void> {
    const [link, tree] = [this._link, this._tree];
    if (!link || !tree) {
      return;
    }
    try {
      const { children, next } = await this._explained(page(link, wish));
      tree.arrived(wish, children, next);
    } catch (error) {
      tree.failed(wish, failureOf(error));
    }
    if (tree === this._tree) {
      this._load();
    }
  }

  private _refresh(node: TreeNode): void {
    this._tree?.forget(node);
    this._ask(this._tree?.open(node));
  }

  /** Put code about a node into the document in front; what only reads is left for the user to run. */
  private async _write(node: TreeNode, purpose: Purpose): Promise<void> {
    const answer = await this._attempt(link => link.ask('code', { bucket: node.bucket, key: node.key, purpose }));
    if (answer && purpose === 'read') {
      this._host.insert(answer.code);
    } else if (answer) {
      await this._host.run(answer.code);
    }
  }

  private async _copyLink(node: TreeNode): Promise<void> {
    const made = await this._attempt(link => link.ask('link', { bucket: node.bucket, key: node.key, download: false }));
    if (made) {
      const name = printable(node.name);
      const told = made.end
        ? `Copied a link to ${name} that anybody can open; it ends ${endText(made.end, new Date())}.`
        : `Copied the plain URL of ${name}: nothing is signed, so it works as long as the object is public.`;
      await this._host.notice.copy(made.url, told);
    }
  }

  private async _download(node: TreeNode): Promise<void> {
    const made = await this._attempt(link => link.ask('link', { bucket: node.bucket, key: node.key, download: true }));
    if (made) {
      const name = node.name.split('/').pop() ?? '';
      const attributes = { href: made.url, download: name, target: '_blank', rel: 'noopener noreferrer' };
      const anchor = make('a', { attributes });
      anchor.click();
      this._host.notice.say(`Your browser downloads ${printable(name)}.`);
    }
  }

  private _upload(node: TreeNode): void {
    const link = this._link;
    const input = make('input', { attributes: { type: 'file', multiple: '' } });
    input.addEventListener('change', () => {
      if (link && input.files?.length) {
        void uploadFiles(link, node, [...input.files], this._host.notice).then(stored => {
          if (stored && link === this._link) {
            this._refresh(node);
          }
        });
      }
    });
    input.click();
  }

  private async _pin(url: string): Promise<void> {
    const pin = await this._attempt(link => link.ask('pin', { url }));
    if (pin) {
      this._pins.add(pin);
      this._url.value = '';
      this._showForm(false);
      this._host.notice.clear();
      const id = `pin s3://${pin.bucket}/${pin.prefix}`;
      this._view.focus(id);
    }
  }

  private _showForm(isShown: boolean): void {
    const hadFocus = this._form.contains(document.activeElement);
    this._form.hidden = !isShown;
    if (isShown) {
      this._url.focus();
    } else if (hadFocus) {
      this.node.querySelector<HTMLElement>('.s3magic-mod-icon')?.focus();
    }
  }

  private async _explained<T>(answer: Promise<T>): Promise<T> {
    void this._host.wait(answer).catch(() => undefined); // whoever asked is told
    return answer;
  }

  /** Ask, and say what went wrong where something did. */
  private async _attempt<T>(ask: (link: KernelLink) => Promise<T>): Promise<T | null> {
    if (!this._link) {
      return null;
    }
    try {
      return await this._explained(ask(this._link));
    } catch (error) {
      this._host.notice.fail(failureOf(error));
      return null;
    }
  }

  private readonly _host: BucketsHost;
  private readonly _pins: Pins;
  private readonly _url = make('input', {
    class: 's3magic-Input',
    label: 'URL of the bucket or folder to pin',
    attributes: { type: 'text', placeholder: 's3://bucket/folder/', spellcheck: 'false', autocomplete: 'off' }
  });
  private readonly _form = make('form', { class: 's3magic-Pin', attributes: { hidden: '' } }, this._url, submit('Pin'));
  private readonly _filter = make('input', {
    class: 's3magic-Input s3magic-Filter',
    label: 'Filter by name',
    attributes: { type: 'search', placeholder: 'Filter', spellcheck: 'false', autocomplete: 'off' }
  });
  private readonly _words = make('div', { class: 's3magic-Words' });
  private readonly _view = new TreeView({
    open: node => this._ask(this._tree?.open(node)),
    close: node => {
      this._tree?.close(node);
      this._draw();
    },
    more: parent => this._ask(this._tree?.wish(parent)),
    seek: parent => this._ask(this._tree?.wish(parent, this._tree.filter)),
    menu: (node, x, y) => this.openMenu(node, x, y)
  });
  private readonly _trees = new WeakMap<KernelLink, Tree>();
  private readonly _askers = new WeakMap<Tree, string>();
  private _link: KernelLink | null = null;
  private _tree: Tree | null = null;
  private _isChosen = false;
}

/** The page that is wished for. */
async function page(link: KernelLink, { node, beginning, token }: Wish): Promise<Methods['children']['result']> {
  if (node) {
    return link.ask('children', { bucket: node.bucket, prefix: node.key, beginning, token });
  }
  const { names, next } = await link.ask('buckets', { after: token ?? '' });
  return { children: names.map(name => ({ name })), next };
}

/** The s3:// URL of a node, its key as S3 has it. */
export function urlOf(node: TreeNode): string {
  return `s3://${node.bucket}/${node.key}`;
}

/** What went wrong, in the words of the kernel where it spoke. */
export function failureOf(error: unknown): Failure {
  return error instanceof RequestError ? error.failure : { message: String(error), hint: '' };
}

function submit(text: string): HTMLButtonElement {
  const made = button(text, () => undefined);
  made.type = 'submit';
  return made;
}
