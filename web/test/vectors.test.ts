// The frames of docs/vectors, good ones and ones with faults, against what they say.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Decoder } from '../src/binary';
import { BinaryFault } from '../src/bytes';
import type { FieldEntry } from '../src/messages';
import type { Json } from './frames';
import { plain } from './plain';

const VECTORS = new URL('../../../docs/vectors/', import.meta.url);

interface Vector {
  about: string;
  origin: number;
  /** Each frame begins with the time at which it was sent. */
  tx?: boolean;
  fields: FieldEntry[];
  frames: { hex: string; messages?: Json[]; error?: string }[];
}

const names = readdirSync(VECTORS).filter(name => name.endsWith('.json')).sort();
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], byte => parseInt(byte, 16));

test('there are vectors', () => assert.ok(names.length > 9 && names.includes('faults.json')));

for (const name of names) {
  test(`vector ${name}`, () => {
    const { origin, tx, fields, frames } = JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')) as Vector;
    const decoder = new Decoder(origin, tx);
    decoder.learn(fields);
    for (const { hex, messages, error } of frames) {
      if (error === undefined) {
        assert.deepEqual(decoder.decode(bytesOf(hex)).map(plain), messages, hex);
        continue;
      }
      let fault: unknown;
      try {
        decoder.decode(bytesOf(hex));
      } catch (thrown) {
        fault = thrown;
      }
      assert.ok(fault instanceof BinaryFault, `${hex}, ${error}: ${String(fault)}`);
    }
  });
}
