// `@massive.com/client-js`, Massive's own client: crypto.
import { run } from './massive_client.mjs';
await run('@massive.com/client-js');
