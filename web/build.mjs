// Bundles the dashboard into a directory; with `--tests` its unit tests, with `--bench` its measurements. See build.sh.
import { build } from 'esbuild';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';

const [into, mode] = process.argv.slice(2);
mkdirSync(into, { recursive: true });

if (mode) {
  const entryPoints = readdirSync('test').filter(name => name.endsWith(mode === '--bench' ? '.bench.ts' : '.test.ts')).map(name => `test/${name}`);
  await build({ entryPoints, outdir: into, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' });
} else {
  const common = { bundle: true, format: 'esm', target: 'es2022', minify: true, charset: 'utf8', legalComments: 'eof', logLevel: 'warning' };
  // The chart's library is a file of its own, which the page's script imports by its address.
  const apart = { name: 'vendor', setup: ({ onResolve }) => onResolve({ filter: /^\.\/vendor$/ }, () => ({ path: '/assets/chart.js', external: true })) };
  await build({ ...common, entryPoints: ['src/main.ts'], outfile: `${into}/app.js`, plugins: [apart] });
  await build({ ...common, entryPoints: ['src/vendor.ts'], outfile: `${into}/chart.js` });
  await build({ ...common, entryPoints: ['src/app.css'], outfile: `${into}/app.css` });
  copyFileSync('src/index.html', `${into}/index.html`);
  const licence = readFileSync('node_modules/lightweight-charts/LICENSE', 'utf8');
  writeFileSync(`${into}/licences.txt`, readFileSync('src/licences.txt', 'utf8') + licence);
}
