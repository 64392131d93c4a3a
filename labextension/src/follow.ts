/** Following the notebook or console in front, and putting code into it; knows nothing of S3. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ConsolePanel, IConsoleTracker } from '@jupyterlab/console';
import { NotebookActions, type INotebookTracker, type Notebook, type NotebookPanel } from '@jupyterlab/notebook';
import type { ISessionContext } from '@jupyterlab/apputils';
import { Signal, type ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import { KernelLink } from './kernel';

/** The document in front: its name and the line to its kernel. */
export interface Current {
  readonly document: NotebookPanel | ConsolePanel;
  readonly link: KernelLink;
}

/** Knows which notebook or console was used last; other documents in front change nothing. */
export class Follower {
  constructor(shell: JupyterFrontEnd.IShell, notebooks: INotebookTracker, consoles: IConsoleTracker | null) {
    this._shell = shell;
    this._notebooks = notebooks;
    this._consoles = consoles;
    // Each kernel's comm needs a taker from the beginning, in front or not: JupyterLab closes a comm nobody takes.
    for (const tracker of consoles ? [notebooks, consoles] : [notebooks]) {
      tracker.forEach(document => this._watch(document));
      tracker.widgetAdded.connect((_, document) => this._watch(document));
      tracker.currentChanged.connect(() => this._update());
    }
    shell.currentChanged?.connect(() => this._update());
    this._update();
  }

  /** Emitted when another document is in front. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get current(): Current | null {
    return this._current;
  }

  /**
   * Run code where the user sees it: in a cell of the notebook in front, or at the prompt of the console.
   *
   * `first` puts the cell before all other code, so that "Run All" finds it there.
   */
  async run(code: string, { first = false }: { first?: boolean } = {}): Promise<void> {
    const document = this._current?.document;
    if (!document) {
      return;
    }
    if ('console' in document) {
      await document.console.inject(code);
    } else {
      insertCell(document.content, code, first);
      await NotebookActions.run(document.content, document.sessionContext);
    }
  }

  /** Put code into a new cell, or at the prompt of the console, for the user to run. */
  insert(code: string): void {
    const document = this._current?.document;
    if (!document) {
      return;
    }
    if ('console' in document) {
      document.console.promptCell?.model.sharedModel.setSource(code);
    } else {
      insertCell(document.content, code, false);
    }
    document.activate();
  }

  private _watch(document: NotebookPanel | ConsolePanel): void {
    if (!this._links.has(document.sessionContext)) {
      this._links.set(document.sessionContext, new KernelLink(document.sessionContext));
    }
    document.disposed.connect(() => this._update());
    this._update();
  }

  private _update(): void {
    const document = this._pick();
    if (document !== (this._current?.document ?? null)) {
      const link = document && this._links.get(document.sessionContext);
      this._current = document && link ? { document, link } : null;
      this._changed.emit();
    }
  }

  private _pick(): NotebookPanel | ConsolePanel | null {
    const last = this._current?.document;
    const candidates: (Widget | null | undefined)[] = [
      this._shell.currentWidget,
      last,
      this._notebooks.currentWidget,
      this._consoles?.currentWidget
    ];
    const found = candidates.find(
      widget => widget && !widget.isDisposed && (this._notebooks.has(widget) || this._consoles?.has(widget))
    );
    return (found as NotebookPanel | ConsolePanel | undefined) ?? null;
  }

  private readonly _shell: JupyterFrontEnd.IShell;
  private readonly _notebooks: INotebookTracker;
  private readonly _consoles: IConsoleTracker | null;
  private readonly _links = new WeakMap<ISessionContext, KernelLink>();
  private readonly _changed = new Signal<this, void>(this);
  private _current: Current | null = null;
}

/** Put code into an empty cell where there is one, else into a new cell; make it the active one. */
function insertCell(notebook: Notebook, code: string, first: boolean): void {
  const cells = notebook.model?.sharedModel.cells ?? [];
  const firstCode = cells.findIndex(cell => cell.cell_type === 'code');
  const index = first ? (firstCode < 0 ? cells.length : firstCode) : Math.max(notebook.activeCellIndex, 0);
  const there = cells[index];
  if (there?.cell_type === 'code' && !there.source.trim()) {
    there.setSource(code);
    notebook.activeCellIndex = index;
  } else {
    const place = first ? index : Math.min(index + 1, cells.length);
    notebook.model?.sharedModel.insertCell(place, { cell_type: 'code', source: code, metadata: { trusted: true } });
    notebook.activeCellIndex = place;
  }
  notebook.deselectAll();
}
