/** Names, sizes and times as people read them, and what kind of file a name is; pure, knows no document. */

/** What a name says of an object: which icon it gets. */
export type FileKind =
  'image' | 'grid' | 'points' | 'table' | 'text' | 'notebook' | 'code' | 'video' | 'archive' | 'other';

const KINDS: Readonly<Record<Exclude<FileKind, 'other'>, string>> = {
  image: 'jpg jpeg png webp gif svg bmp tif tiff jp2',
  grid: 'nc nc4 cdf h5 hdf5 he5 pp grib grib2 grb grb2 zarr',
  points: 'las laz ply e57',
  table: 'csv tsv parquet arrow feather xlsx',
  text: 'txt md rst json geojson yaml yml xml html log pdf toml ini',
  notebook: 'ipynb',
  code: 'py r jl sh js ts c cpp f90',
  video: 'mp4 mov webm ogv avi mkv',
  archive: 'zip tar gz tgz bz2 xz zst 7z'
};

const BY_ENDING = new Map<string, FileKind>(
  Object.entries(KINDS).flatMap(([kind, endings]) => endings.split(' ').map(ending => [ending, kind as FileKind]))
);

/** What kind of file a name is, by its ending. */
export function kindOf(name: string): FileKind {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? (BY_ENDING.get(name.slice(dot + 1).toLowerCase()) ?? 'other') : 'other';
}

// Line breaks and other controls, marks that turn the direction of what follows, and what shows as nothing.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** A name in which everything can be seen: a character that shows as nothing, or moves others, is written by number. */
export function printable(name: string): string {
  return name.replace(UNSEEN, found => `‹${found.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}›`);
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes in three digits or fewer: "912 B", "1.2 kB", "34 MB". */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value))} ${UNITS[unit] ?? ''}`;
}

/** "1 tile", "1,234 tiles". */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString()} ${noun}${count === 1 ? '' : 's'}`;
}

/** A day as the file browsers of a country write it; the time of day for what is of today. */
export function dateText(iso: string, now: Date): string {
  const when = new Date(iso);
  if (Number.isNaN(when.getTime())) {
    return '';
  }
  return when.toDateString() === now.toDateString()
    ? when.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
    : when.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
}

/** The end of a link, for a sentence: "at 14:32", "on 22 Nov 2026 at 14:32". */
export function endText(iso: string, now: Date): string {
  const when = new Date(iso);
  const time = when.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return when.toDateString() === now.toDateString() ? `at ${time}` : `on ${dateText(iso, now)} at ${time}`;
}
