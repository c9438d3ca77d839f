// A message as an object of the fields that it has.
import { configured, type Data, type Gap } from '../src/messages';
import type { Json } from './frames';

const FIELDS = ['bid', 'bid_size', 'ask', 'ask_size', 'last', 'last_size', 'side', 'volume', 'trades', 'trade_id', 'open', 'high', 'low'] as const;

/** A message with its fields as a JSON frame with decimals as text has them. */
export function plain(message: Data | Gap): Json {
  const told: Json = {};
  const put = (name: string, value: unknown): void => { if (value !== undefined) told[name] = value; };
  if (message.type === 'gap') {
    for (const [name, value] of Object.entries(message)) put(name, value);
    return told;
  }
  for (const name of ['type', 'as', 'symbol', 'seq', 'ts', 'rx', 'cancel', 'correct', 'trade', ...FIELDS] as const) put(name, message[name]);
  put('n', message.n === 1 ? undefined : message.n);
  for (const [name, value] of configured(message)) put(name, value);
  return told;
}
