/** The buckets and folders somebody pinned, kept in JupyterLab's settings; they hold no secrets, and no endpoint. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal, type ISignal } from '@lumino/signaling';

export interface Pin {
  readonly bucket: string;
  readonly prefix: string;
}

const KEY = 'pins';

/** Pins, in the order they were made; without settings they live as long as the page. */
export class Pins {
  constructor(registry: ISettingRegistry | null, plugin: string) {
    registry?.load(plugin).then(
      settings => {
        this._settings = settings;
        settings.changed.connect(() => this._read());
        this._read();
      },
      error => console.warn('s3magic: pins are not kept,', error)
    );
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get all(): readonly Pin[] {
    return this._pins;
  }

  add(pin: Pin): void {
    this._write([...this._pins.filter(other => !isSame(other, pin)), pin]);
  }

  remove(pin: Pin): void {
    this._write(this._pins.filter(other => !isSame(other, pin)));
  }

  private _read(): void {
    const kept = this._settings?.get(KEY).composite;
    const urls = Array.isArray(kept) ? kept.filter(url => typeof url === 'string') : [];
    this._pins = urls.map(parse).filter(pin => pin !== null);
    this._changed.emit();
  }

  private _write(pins: readonly Pin[]): void {
    this._pins = pins;
    this._changed.emit();
    void this._settings?.set(KEY, pins.map(({ bucket, prefix }) => `s3://${bucket}/${prefix}`));
  }

  private readonly _changed = new Signal<this, void>(this);
  private _settings: ISettingRegistry.ISettings | null = null;
  private _pins: readonly Pin[] = [];
}

function isSame(one: Pin, other: Pin): boolean {
  return one.bucket === other.bucket && one.prefix === other.prefix;
}

function parse(url: string): Pin | null {
  const found = /^s3:\/\/([^/]+)\/(.*)$/su.exec(url);
  return found ? { bucket: found[1] as string, prefix: found[2] as string } : null;
}
