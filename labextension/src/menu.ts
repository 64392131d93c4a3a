/** The menu of a bucket, a folder or an object; what each entry does is somebody else's. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Menu } from '@lumino/widgets';

import type { TreeNode } from './tree';

export interface NodeActions {
  /** Put a line into a cell and run it. */
  run(node: TreeNode, purpose: 'mount' | 'copy' | 'link' | 'thumbs'): void;
  insertCode(node: TreeNode): void;
  copyUrl(node: TreeNode): void;
  copyLink(node: TreeNode): void;
  download(node: TreeNode): void;
  upload(node: TreeNode): void;
  lights(node: TreeNode): void;
  refresh(node: TreeNode): void;
  pin(node: TreeNode): void;
  unpin(node: TreeNode): void;
}

interface Entry {
  readonly id: string;
  readonly label: string;
  readonly caption: string;
  readonly run: (node: TreeNode) => void;
  readonly fits: (node: TreeNode) => boolean;
}

const isObject = (node: TreeNode): boolean => node.kind === 'object';
const isFolder = (node: TreeNode): boolean => node.kind !== 'object';
const isReadable = (node: TreeNode): boolean => isObject(node) && !node.archived;

/** Make the menu; the function returned opens it for a node at a place of the window. */
export function nodeMenu(
  commands: JupyterFrontEnd['commands'],
  actions: NodeActions
): (node: TreeNode, x: number, y: number) => void {
  const menu = new Menu({ commands });
  menu.addClass('s3magic-Menu');
  let chosen: TreeNode | null = null;
  entries(actions).forEach((group, index) => {
    if (index) {
      menu.addItem({ type: 'separator' });
    }
    for (const { id, label, caption, fits, run } of group) {
      const command = `s3magic:node-${id}`;
      commands.addCommand(command, {
        label,
        caption,
        isVisible: () => chosen !== null && fits(chosen),
        execute: () => chosen && run(chosen)
      });
      menu.addItem({ command });
    }
  });
  return (node, x, y) => {
    chosen = node;
    menu.open(x, y);
  };
}

function entries(actions: NodeActions): Entry[][] {
  const run = (purpose: 'mount' | 'copy' | 'link' | 'thumbs') => (node: TreeNode) => actions.run(node, purpose);
  return [
    [
      entry('mount', 'Mount', 'Show it as a folder of files, by a line in a new cell', run('mount'), isFolder),
      entry('mount-folder', 'Mount Its Folder', 'Show that as files, by a line in a new cell', run('mount'), isObject),
      entry('copy', 'Copy to Disk', 'Copy it beside the notebook, by a line in a new cell', run('copy')),
      entry('link', 'Link Tiles', 'Keep them by reference, by a line in a new cell', run('link')),
      entry('thumbs', 'Show Thumbnails', 'Show previews, by a line in a new cell', run('thumbs')),
      entry('code', 'Insert Code', 'Put code that reads it into a new cell', actions.insertCode)
    ],
    [
      entry('copy-url', 'Copy URL', 'Copy its s3:// URL', actions.copyUrl),
      entry('copy-link', 'Copy Presigned URL', 'Copy a link that opens for an hour', actions.copyLink, isReadable),
      entry('download', 'Download', 'Save it by this browser', actions.download, isReadable),
      entry('upload', 'Upload Files …', 'Store files, never over what is there', actions.upload, isFolder)
    ],
    [
      entry('lights', 'Check Access', 'See what you may do there; nothing is written', actions.lights),
      entry('refresh', 'Refresh', 'List it anew', actions.refresh, isFolder),
      entry('pin', 'Pin', 'Keep it at the top', actions.pin, node => isFolder(node) && !node.isPinned),
      entry('unpin', 'Unpin', 'Keep it at the top no longer', actions.unpin, node => node.isPinned)
    ]
  ];
}

function entry(id: string, label: string, caption: string, run: Entry['run'], fits: Entry['fits'] = () => true): Entry {
  return { id, label, caption, run, fits };
}
