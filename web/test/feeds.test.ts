// What is said of a feed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Feed, feedText } from '../src/feeds';

const feed = (changes: Partial<Feed>): Feed => ({
  name: 'spot', kind: 'binance', condition: 'running', connected: true, connections: 2, connections_wanted: 2, reconnects: 0, ingested: 1, lag_ms: 0, reason: null, ...changes,
});

test('a feed that is well is its name, and another says what is wrong', () => {
  assert.equal(feedText(feed({})), 'spot');
  assert.equal(feedText(feed({ kind: 'sim', connected: null, connections: null, connections_wanted: null })), 'spot');
  assert.equal(feedText(feed({ connected: false, connections: 0 })), 'spot connecting');
  assert.equal(feedText(feed({ connections: 1, reason: '1 of 2 connections are open' })), 'spot 1 of 2');
  assert.equal(feedText(feed({ condition: 'dark', connected: false, connections: 0, reason: 'refused' })), 'spot dark: refused');
  assert.equal(feedText(feed({ condition: 'held' })), 'spot held');
});
