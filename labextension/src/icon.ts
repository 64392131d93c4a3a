/** The icons of the panel and of what stands in the tree. */

import {
  LabIcon,
  codeIcon,
  fileIcon,
  folderFavoriteIcon,
  folderIcon,
  imageIcon,
  notebookIcon,
  spreadsheetIcon,
  textEditorIcon,
  videoIcon
} from '@jupyterlab/ui-components';

import bucketSvg from '../style/bucket.svg';
import gridSvg from '../style/grid.svg';
import pointsSvg from '../style/points.svg';
import s3Svg from '../style/s3.svg';
import type { TreeNode } from './tree';
import { kindOf, type FileKind } from './words';

export const s3Icon = new LabIcon({ name: 's3magic:s3', svgstr: s3Svg });
const bucketIcon = new LabIcon({ name: 's3magic:bucket', svgstr: bucketSvg });
const gridIcon = new LabIcon({ name: 's3magic:grid', svgstr: gridSvg });
const pointsIcon = new LabIcon({ name: 's3magic:points', svgstr: pointsSvg });

const FILES: Readonly<Record<FileKind, LabIcon>> = {
  image: imageIcon,
  grid: gridIcon,
  points: pointsIcon,
  table: spreadsheetIcon,
  text: textEditorIcon,
  notebook: notebookIcon,
  code: codeIcon,
  video: videoIcon,
  archive: fileIcon,
  other: fileIcon
};

/** The icon of a bucket, a folder or an object, by the ending of its name. */
export function iconOf(node: TreeNode): LabIcon {
  switch (node.kind) {
    case 'bucket':
      return node.isPinned ? s3Icon : bucketIcon;
    case 'folder':
      return node.isPinned ? folderFavoriteIcon : folderIcon;
    case 'object':
      return FILES[kindOf(node.name)];
  }
}

const drawn = new Map<LabIcon, HTMLElement>();

/** An element with an icon; the same one is read from its SVG only once, for a tree shows hundreds. */
export function iconElement(icon: LabIcon): HTMLElement {
  let first = drawn.get(icon);
  if (!first) {
    first = icon.element({ tag: 'span' });
    drawn.set(icon, first);
  }
  return first.cloneNode(true) as HTMLElement;
}
