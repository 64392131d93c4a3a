/** Names, sizes and times as people read them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dateText, endText, kindOf, printable, sizeText } from '../src/words.ts';

test('everything in a name can be seen', () => {
  assert.equal(printable('a\nb\u202egpj.exe\u0000'), 'a‹000A›b‹202E›gpj.exe‹0000›');
  assert.equal(printable('<img src=x>'), '<img src=x>');
  for (const plain of ['عربي.txt', 'ñandú 日本.nc', '👩‍🔬.jpg']) {
    assert.equal(printable(plain), plain);
  }
});

test('sizes have three digits at most', () => {
  const sizes = [0, 999, 1000, 9949, 9960, 999_499, 999_500, 1.5e9, 2e15, 5e18];
  assert.deepEqual(sizes.map(sizeText), [
    '0 B', '999 B', '1.0 kB', '9.9 kB', '10 kB', '999 kB', '1.0 MB', '1.5 GB', '2.0 PB', '5000 PB'
  ]);
});

test('the ending of a name tells its kind', () => {
  assert.deepEqual(
    ['a.JPG', 'a.nc', 'a.copc.laz', '.tif', 'tif', 'a.', 'x.toString'].map(kindOf),
    ['image', 'grid', 'points', 'other', 'other', 'other', 'other']
  );
});

test('times of today are told without the day', () => {
  const now = new Date(2026, 10, 21, 12);
  const [soon, later] = [new Date(2026, 10, 21, 13, 5), new Date(2026, 10, 23, 13, 5)];
  assert.match(endText(soon.toISOString(), now), /^at \D*0?1?\d:05/);
  assert.match(endText(later.toISOString(), now), /^on .*2026.* at /);
  assert.match(dateText(later.toISOString(), now), /2026/);
  assert.equal(dateText('nonsense', now), '');
});
