// `@polygon.io/client-js`, the same client under its older name: crypto.
import { run } from './massive_client.mjs';
await run('@polygon.io/client-js');
