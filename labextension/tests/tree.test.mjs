/** The tree as data: what is shown, what is asked for, where the keys lead. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Tree, compareNames } from '../src/tree.ts';

const file = name => ({ name, size: 1, modified: null, archived: false });
const folder = name => ({ name });
const failure = { message: 'Not allowed', hint: 'Ask' };

/** A tree with buckets, "one" opened and holding some children. */
function grown(children = [folder('a/'), file('b.txt')], next = null) {
  const tree = new Tree();
  tree.arrived(tree.wishes()[0], [{ name: 'one' }, { name: 'two' }], null);
  const wish = tree.open(nodeOf(tree, 'one'));
  tree.arrived(wish, children, next);
  return tree;
}

const names = tree => tree.rows().map(row => (row.type === 'node' ? row.node.name : row.type));
const nodeOf = (tree, name) => tree.rows().find(row => row.type === 'node' && row.node.name === name).node;
const idOf = (tree, name) => nodeOf(tree, name).id;

test('a folder is asked for once, and shown when it arrives', () => {
  const tree = grown();
  const a = nodeOf(tree, 'a/');
  const wish = tree.open(a);
  assert.deepEqual([wish.node.bucket, wish.node.key, wish.token], ['one', 'a/', null]);
  assert.equal(tree.open(a), null);
  assert.deepEqual(names(tree), ['one', 'a/', 'loading', 'b.txt', 'two']);
  tree.arrived(wish, [], null);
  assert.deepEqual(names(tree), ['one', 'a/', 'empty', 'b.txt', 'two']);
  tree.close(a);
  assert.equal(tree.open(a), null);
});

test('the next page goes on where the last one ended, and holds no name twice', () => {
  const tree = grown([file('a'), file('b')], 'token');
  assert.deepEqual(names(tree), ['one', 'a', 'b', 'more', 'two']);
  const wish = tree.wish(nodeOf(tree, 'one'));
  assert.equal(wish.token, 'token');
  assert.equal(tree.wish(nodeOf(tree, 'one')), null);
  tree.arrived(wish, [file('b'), file('c')], null);
  assert.deepEqual(names(tree), ['one', 'a', 'b', 'c', 'two']);
});

test('a failure is told in its place, and a retry asks for the same', () => {
  const tree = grown([file('a')], 'token');
  tree.failed(tree.wish(nodeOf(tree, 'one')), failure);
  assert.deepEqual(names(tree), ['one', 'a', 'failure', 'two']);
  assert.equal(tree.wish(nodeOf(tree, 'one')).token, 'token');
  const other = new Tree();
  other.failed(other.wishes()[0], failure);
  assert.equal(other.denial, failure);
  assert.deepEqual(other.rows(), []);
  assert.equal(other.wishes().length, 0, 'nothing is asked again by itself');
});

test('after a reset what was open is asked for again, and late answers are dropped', () => {
  const tree = grown();
  const late = tree.open(nodeOf(tree, 'a/'));
  tree.reset();
  tree.arrived(late, [file('late')], null);
  tree.arrived(tree.wishes()[0], [{ name: 'one' }], null);
  const [again] = tree.wishes();
  assert.equal(again.node.name, 'one');
  tree.arrived(again, [folder('a/')], null);
  assert.deepEqual(names(tree), ['one', 'a/']);
  assert.equal(tree.wishes()[0].node.name, 'a/');
});

test('pins stand first, and a pinned bucket is not shown twice', () => {
  const tree = grown();
  tree.pin([{ bucket: 'two', prefix: '' }, { bucket: 'far', prefix: 'x/' }]);
  assert.deepEqual(names(tree), ['two', 'far/x/', 'one', 'a/', 'b.txt']);
  tree.pin([{ bucket: 'one', prefix: 'a/' }]);
  const ids = tree.rows().map(row => row.id);
  assert.equal(new Set(ids).size, ids.length);
  const slow = new Tree();
  slow.pin([{ bucket: 'far', prefix: 'x/' }]);
  assert.deepEqual(names(slow), ['far/x/']);
  slow.wishes();
  assert.deepEqual(names(slow), ['far/x/', 'loading']);
});

test('a filter keeps what matches, and the way to it', () => {
  const tree = grown([folder('Alps/'), file('beach.jpg')]);
  tree.arrived(tree.open(nodeOf(tree, 'Alps/')), [file('noon.jpg'), file('dawn.png')], null);
  tree.filter = 'JPG';
  assert.deepEqual(names(tree), ['one', 'Alps/', 'noon.jpg', 'beach.jpg']);
  tree.filter = 'alps';
  assert.deepEqual(names(tree), ['one', 'Alps/', 'noon.jpg', 'dawn.png']);
  tree.filter = 'nothing';
  assert.deepEqual(names(tree), []);
});

test('names beyond the pages loaded are looked for on S3', () => {
  const tree = grown([file('a'), file('b')], 'token');
  tree.filter = 'x';
  assert.deepEqual(names(tree), ['one', 'seek']);
  const wish = tree.wish(nodeOf(tree, 'one'), 'x');
  assert.deepEqual([wish.beginning, wish.token], ['x', null]);
  tree.arrived(wish, [file('x1')], null);
  assert.deepEqual(names(tree), ['one', 'x1']);
  tree.filter = '';
  const next = tree.wish(nodeOf(tree, 'one'));
  assert.equal(next.token, 'token');
  tree.arrived(next, [file('c'), file('x1'), file('y')], null);
  assert.deepEqual(names(tree), ['one', 'a', 'b', 'c', 'x1', 'y', 'two']);
});

test('keys lead where the ARIA pattern says', () => {
  const tree = grown([folder('a/'), file('b.txt')]);
  tree.open(nodeOf(tree, 'a/'));
  const rows = tree.rows(); // one, a/, loading, b.txt, two
  const to = (name, key) => tree.move(rows, idOf(tree, name), key);
  assert.deepEqual(to('one', 'ArrowDown'), { type: 'focus', id: idOf(tree, 'a/') });
  assert.deepEqual(to('a/', 'ArrowDown'), { type: 'focus', id: idOf(tree, 'b.txt') }, 'past what is loading');
  assert.deepEqual(to('b.txt', 'ArrowUp'), { type: 'focus', id: idOf(tree, 'a/') });
  assert.equal(to('one', 'ArrowUp'), null);
  assert.equal(to('two', 'ArrowDown'), null);
  assert.deepEqual(to('b.txt', 'Home'), { type: 'focus', id: idOf(tree, 'one') });
  assert.deepEqual(to('one', 'End'), { type: 'focus', id: idOf(tree, 'two') });
  assert.deepEqual(to('one', 'ArrowRight'), { type: 'focus', id: idOf(tree, 'a/') });
  assert.equal(to('two', 'ArrowRight').type, 'open');
  assert.equal(to('b.txt', 'ArrowRight'), null);
  assert.equal(to('one', 'ArrowLeft').type, 'close');
  assert.deepEqual(to('b.txt', 'ArrowLeft'), { type: 'focus', id: idOf(tree, 'one') });
  assert.equal(to('two', 'ArrowLeft')?.id ?? idOf(tree, 'two'), idOf(tree, 'two'), 'a root has no parent');
  assert.equal(to('b.txt', 'Enter').type, 'activate');
  assert.equal(to('b.txt', 'q'), null);
});

test('typed letters find the next name that begins so, and go round', () => {
  const tree = grown([file('alpha'), file('beta'), file('bravo')]);
  const rows = tree.rows();
  const found = (from, letters) => rows.find(row => row.id === tree.find(rows, idOf(tree, from), letters))?.node.name;
  assert.equal(found('one', 'b'), 'beta');
  assert.equal(found('beta', 'b'), 'bravo');
  assert.equal(found('bravo', 'B'), 'beta');
  assert.equal(found('beta', 'be'), 'beta');
  assert.equal(found('beta', 'br'), 'bravo');
  assert.equal(found('one', 'z'), undefined);
});

test('names are in the order of UTF-8, not of UTF-16', () => {
  const sorted = ['a', 'a/', 'é', '\uff5e', '\u{1f600}'];
  assert.deepEqual([...sorted].reverse().sort(compareNames), sorted);
  assert.notDeepEqual([...sorted].sort(), sorted);
});
