/** Sending files of this computer to the kernel, piece by piece, which stores them on S3; never over what is there. */

import { RequestError, type KernelLink } from './kernel';
import type { Notice } from './notice';
import type { TreeNode } from './tree';
import type { Failure } from './types';
import { counted, printable, sizeText } from './words';

/** Servers take messages of 10 MiB. */
const PIECE = 2 << 20;

/** Upload files into a bucket or folder, one after the other, whatever comes of one; tells whether any was stored. */
export async function uploadFiles(
  link: KernelLink,
  node: TreeNode,
  files: readonly File[],
  notice: Notice
): Promise<boolean> {
  const failures: Failure[] = [];
  let stored = 0;
  const run = { isGivenUp: false };
  for (const file of files) {
    try {
      if (run.isGivenUp || !(await send(link, node, file, notice, run))) {
        notice.say(`The upload was given up; nothing of ${printable(file.name)} was stored.`);
        return stored > 0;
      }
      stored += 1;
    } catch (error) {
      failures.push(error instanceof RequestError ? error.failure : { message: String(error), hint: '' });
    }
  }
  const [first] = failures;
  const told = files.length === 1 ? printable(files[0]?.name ?? '') : counted(stored, 'file');
  if (first) {
    const of = files.length === 1 ? '' : `Stored ${told}, ${failures.length} not. `;
    notice.fail({ message: of + first.message, hint: first.hint });
  } else {
    notice.say(`Stored ${told}.`);
  }
  return stored > 0;
}

/** Send one file; false when it was given up. */
async function send(
  link: KernelLink,
  node: TreeNode,
  file: File,
  notice: Notice,
  run: { isGivenUp: boolean }
): Promise<boolean> {
  const place = { bucket: node.bucket, key: node.key + file.name, size: file.size };
  let id: string | null = null;
  let sent = 0;
  do {
    const action = { text: 'Give up', run: () => (run.isGivenUp = true) };
    notice.say(`Uploading ${printable(file.name)}: ${sizeText(sent)} of ${sizeText(file.size)}`, { action });
    const piece = await file.slice(sent, sent + PIECE).arrayBuffer();
    const params: { upload_id: string } | typeof place = id === null ? place : { upload_id: id };
    const answer: { upload_id: string } = await link.ask('upload', params, piece.byteLength ? piece : null);
    id = answer.upload_id;
    sent += piece.byteLength;
    if (run.isGivenUp && sent < file.size) {
      await link.ask('upload', { upload_id: id, is_given_up: true });
      return false;
    }
    if (piece.byteLength === 0 && sent < file.size) {
      throw new Error(`${file.name} became shorter while it was read`);
    }
  } while (sent < file.size);
  return true;
}
