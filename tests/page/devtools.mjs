// A Chromium of its own, driven by the DevTools protocol alone: Playwright tells its pages that they are in front, and those
// cannot be frozen.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Opens a page in it. */
export async function openAlone(executable, url) {
  const profile = mkdtempSync(join(tmpdir(), 'tickcast-page-'));
  const options = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const child = spawn(executable, [...options, '--window-size=1280,720', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const waiting = new Map();
  let text = '', commands = 0;
  child.stdio[4].on('data', chunk => {
    text += chunk;
    for (let end; (end = text.indexOf('\0')) >= 0; text = text.slice(end + 1)) {
      const { id, result, error } = JSON.parse(text.slice(0, end));
      const answer = waiting.get(id);
      waiting.delete(id);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result);
    }
  });
  child.once('exit', () => { for (const { reject } of waiting.values()) reject(new Error('the browser has ended')); });
  const ask = (method, params = {}, sessionId) => new Promise((resolve, reject) => {
    waiting.set(++commands, { resolve, reject });
    child.stdio[3].write(JSON.stringify({ id: commands, method, params, sessionId }) + '\0');
  });
  const { targetId } = await ask('Target.createTarget', { url });
  const { sessionId } = await ask('Target.attachToTarget', { targetId, flatten: true });
  const page = {
    /** What `call`, a function without arguments from outside, returns in the page. */
    async evaluate(call) {
      const { result, exceptionDetails } = await ask('Runtime.evaluate', { expression: `(${call})()`, returnByValue: true, awaitPromise: true }, sessionId);
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
    /** Waits until it is true. */
    async until(what, call, ms) {
      for (const end = Date.now() + ms; !await page.evaluate(call);) {
        if (Date.now() > end) throw new Error(`never seen: ${what}`);
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    },
    /** As the browser does with a tab that is not looked at. */
    freeze: () => ask('Page.setWebLifecycleState', { state: 'frozen' }, sessionId),
    /** Somebody looks at it again. */
    async thaw() {
      await ask('Page.setWebLifecycleState', { state: 'active' }, sessionId);
      await ask('Emulation.setFocusEmulationEnabled', { enabled: true }, sessionId);
    },
    async close() {
      const ended = new Promise(resolve => child.once('exit', resolve));
      ask('Browser.close').catch(() => child.kill('SIGKILL'));
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return page;
}
