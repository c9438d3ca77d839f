// What a page over TLS with tokens needs: a certificate that this browser alone takes, a key, and tokens of it.
import { execFileSync } from 'node:child_process';
import { createHash, createHmac, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SECRET = 'a secret of thirty-two bytes, or more';

/** A certificate for this machine, and the key of tokens; `spki` is what the browser is told to take. */
export function trust() {
  const files = mkdtempSync(join(tmpdir(), 'tickcast-page-trust-'));
  process.once('exit', () => rmSync(files, { recursive: true, force: true }));
  const [cert, key, secret] = ['cert.pem', 'key.pem', 'secret'].map(name => join(files, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert,
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'], { stdio: ['ignore', 'ignore', 'pipe'] });
  writeFileSync(secret, SECRET);
  const pem = readFileSync(cert);
  const spki = createHash('sha256').update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
  return { spki, pem, options: ['--tls-cert', cert, '--tls-key', key, '--set', `auth.keys=["hs256:${secret}"]`] };
}

/** A token with this claim, which ends in so many seconds. */
export function token(claim, seconds = 3_600) {
  const encoded = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 'page', jti: `${Math.random()}`, exp: Math.floor(Date.now() / 1_000) + seconds, tickcast: claim };
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/** Publishes these ticks over TLS, with a token for it. */
export function publishTrusted(url, ca, ticks) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token({ publish: ['*'] })}` };
    const posted = request(`${url}v1/publish`, { method: 'POST', ca, headers }, async answer => {
      let body = '';
      for await (const chunk of answer) body += chunk;
      resolve(JSON.parse(body));
    });
    posted.once('error', reject);
    posted.end(ticks.map(tick => JSON.stringify(tick)).join('\n'));
  });
}
