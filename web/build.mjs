// Builds the dashboard: build/web/dist (plain files) and build/web/assets.c (the same, to be compiled into
// the daemon; table of daemon/http/assets.h). Needs node >= 18 and the unpacked npm packages in
// build/deps/node_modules (deploy/fetch web) or in IFM_NODE_MODULES. --out DIR writes elsewhere.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const modules = resolve(process.env.IFM_NODE_MODULES || join(here, '../build/deps/node_modules'));
const outAt = process.argv.indexOf('--out');
const out = resolve(outAt > 0 ? process.argv[outAt + 1] : join(here, '../build/web'));
const PACKAGES = ['esbuild', 'chart.js', 'preact', 'htm'];
const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

const missing = PACKAGES.filter(name => !existsSync(join(modules, name, 'package.json')));
if (missing.length) {
  console.error(`build.mjs: not found in ${modules}: ${missing.join(', ')}. Run: deploy/fetch web`);
  process.exit(69);
}
const esbuild = createRequire(join(modules, 'x.js'))('esbuild');
const hash = bytes => createHash('sha256').update(bytes).digest('hex');

async function bundle(entry, extra = {}) {
  const result = await esbuild.build({
    entryPoints: [join(here, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    nodePaths: [modules],
    legalComments: 'inline',
    charset: 'utf8',
    logLevel: 'warning',
    ...extra,
  });
  return Buffer.from(result.outputFiles[0].contents);
}

const files = []; // { path, bytes, immutable }
function add(name, bytes, hashed) {
  const dot = name.lastIndexOf('.');
  const path = hashed ? `/${name.slice(0, dot)}.${hash(bytes).slice(0, 10)}${name.slice(dot)}` : `/${name}`;
  files.push({ path, bytes, immutable: !!hashed });
  return path;
}

// What a page does not need for its first numbers is a file of its own, asked for by import() when it is wanted.
// Such a module shares the app's own modules instead of holding them again: its imports of what js/kit.js lists
// are read from the object that js/kit.js leaves behind. (The chart module stands alone and has none.)
const KIT = [...readFileSync(join(here, 'js/kit.js'), 'utf8').matchAll(/import \* as (\w+) from '\.\/([\w/]+\.js)'/g)];
const LATER = ['chart', 'pages/overview', 'pages/api', 'later/lanes', 'later/ops', 'later/scenario', 'later/pairs'];
const shared = {
  name: 'shared',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = relative(join(here, 'js'), join(resolveDir, path));
      const row = KIT.find(([, , of]) => of === file);
      return row ? { path: row[1], namespace: 'kit' } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: 'kit' }, ({ path }) => ({
      contents: `module.exports = globalThis[Symbol.for('inferometer')].${path}`,
    }));
  },
};
const lateFiles = new Map();
for (const name of LATER) {
  const alias = { '@kurkle/color': join(here, 'js/color.js') };
  const bytes = await bundle(`js/${name}.js`, name === 'chart' ? { alias } : { plugins: [shared] });
  lateFiles.set(join(here, `js/${name}.js`), add(`${name.split('/').pop()}.js`, bytes, true));
}
const late = {
  name: 'late',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) =>
      kind === 'dynamic-import' ? { path: lateFiles.get(join(resolveDir, path)), external: true } : undefined,
    );
  },
};
const app = add('app.js', await bundle('js/main.js', { plugins: [late] }), true);
const style = add('app.css', await bundle('css/main.css'), true);

const page = readFileSync(join(here, 'index.html'), 'utf8').replace('/app.js', app).replace('/app.css', style);
add('index.html', Buffer.from(page));
add('icon.svg', readFileSync(join(here, 'icon.svg')));
const licences = ['preact', 'htm', 'chart.js'].map(name => {
  const text = ['LICENSE', 'LICENSE.md'].map(file => join(modules, name, file)).find(existsSync);
  const { version } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'));
  return `${name} ${version}\n${'='.repeat(72)}\n${readFileSync(text, 'utf8').trim()}\n`;
});
add('licences.txt', Buffer.from(`The dashboard contains these packages:\n\n${licences.join('\n\n')}`));

// -- as plain files and as C -------------------------------------------------------------------------------
const dist = join(out, 'dist');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

function cArray(name, bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += 24) {
    lines.push([...bytes.subarray(i, i + 24)].join(','));
  }
  return `static const uint8_t ${name}[] = {\n${lines.join(',\n')}};\n`;
}

const arrays = [];
const rows = [];
for (const [i, file] of files.entries()) {
  writeFileSync(join(dist, file.path), file.bytes);
  const zipped = gzipSync(file.bytes, { level: 9 });
  file.gzip = zipped.length < file.bytes.length * 0.95 ? zipped : null;
  arrays.push(cArray(`raw_${i}`, file.bytes), file.gzip ? cArray(`gzip_${i}`, file.gzip) : '');
  const type = TYPES[file.path.split('.').pop()];
  rows.push(
    `    {"${file.path}", "${type}", "\\"${hash(file.bytes).slice(0, 20)}\\"", raw_${i}, sizeof raw_${i}, ` +
      `${file.gzip ? `gzip_${i}, sizeof gzip_${i}` : 'NULL, 0'}, ${file.immutable}},`,
  );
}
writeFileSync(
  join(out, 'assets.c'),
  '/* Made by web/build.mjs; not edited by hand. */\n#include "daemon/http/assets.h"\n\n' +
    `${arrays.join('')}\nconst struct ifm_asset ifm_assets[] = {\n${rows.join('\n')}\n};\n` +
    'const size_t ifm_asset_count = sizeof ifm_assets / sizeof ifm_assets[0];\n',
);

const kb = bytes => `${(bytes / 1000).toFixed(1).padStart(6)} kB`;
for (const file of files) {
  console.log(`${kb(file.bytes.length)} ${kb((file.gzip || file.bytes).length)} gz  ${file.path}`);
}
const size = paths =>
  files
    .filter(file => paths.some(part => file.path.includes(part)))
    .reduce((sum, file) => sum + (file.gzip || file.bytes).length, 0);
const frame = ['/index.html', '/app.', '/icon.svg'];
const loads = { runs: ['/overview.'], 'a run, compare': ['/chart.'], api: ['/api.'] };
const text = Object.entries(loads).map(([name, more]) => `${name} ${kb(size([...frame, ...more])).trim()}`);
console.log(`first load, gz: ${text.join(', ')} (budget 100 kB, 8 requests)`);
