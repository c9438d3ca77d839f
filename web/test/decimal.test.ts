// Decimals of every scale: exact, however many digits they have.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { between, changeHundredths, compare, spread, written } from '../src/decimal';

test('digits beyond those of a double are shown', () => {
  assert.equal(written('46116860414'), '46,116,860,414');
  assert.equal(written('0.123456789012345678'), '0.123456789012345678');
});

test('arithmetic is exact to the 18th place', () => {
  assert.equal(between('0.000000000000000001', '0.000000000000000002'), '0.0000000000000000015');
  assert.equal(between('0.0000016425', '0.0000016426'), '0.00000164255');
  assert.equal(spread('999999999999999998', '999999999999999999'), '1');
  assert.equal(spread('0.000000000000000003', '0.000000000000000001'), '-0.000000000000000002');
  assert.equal(changeHundredths('0.00000000000000002', '0.00000000000000001'), 10_000);
  assert.ok(compare('0.000000000000000001', '0.000000000000000002') < 0);
  assert.ok(compare('100000000000000001', '100000000000000000.9') > 0);
});
