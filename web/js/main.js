// Starts the dashboard: the frame around every page (header, keys, theme), and the table of pages.
import { html, render, useEffect, useLayoutEffect, useRef, useState } from './dom.js';
import * as keys from './keys.js';
import { togglePaused, usePaused } from './live.js';
import { announce } from './parts.js';
import * as router from './router.js';
import './kit.js';
import { latePage } from './later.js';
import * as compare from './pages/compare.js';
import * as run from './pages/run.js';

// A page: title(match), Page({ match }), params: names (or patterns) of query parameters it knows
const PAGES = [
  [/^\/$/, {
    title: () => 'Runs',
    // filters that the daemon knows and the list has no field for are shown as marks, so they are known too
    params: ['q', 'sort', 'cursor', 'sel', 'model', 'runtime', 'device', 'status', 'verification', 'trust', 'provider',
      'commit', 'experiment', 'scenario', 'format', 'variant_sha256', 'device_key', 'config_key', 'id_prefix', 'since',
      'until', /^label\./],
    Page: latePage('Runs', () => import('./pages/overview.js')),
  }],
  [/^\/runs\/([^/]+)$/, run],
  [/^\/compare$/, compare],
  [/^\/api$/, { title: () => 'API', params: [], Page: latePage('API', () => import('./pages/api.js')) }],
];
const NAV = [['/', 'Runs'], ['/compare', 'Compare'], ['/api', 'API']];

// -- theme: follows the system unless chosen; kept in this browser ----------------------------------------
const THEMES = ['auto', 'light', 'dark'];
const GLYPHS = { auto: '◐', light: '☀', dark: '☾' };
function storedTheme() {
  try {
    const stored = localStorage.getItem('inferometer.theme');
    return THEMES.includes(stored) ? stored : 'auto';
  } catch {
    return 'auto';
  }
}
function applyTheme(theme) {
  if (theme === 'auto') {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
  try {
    localStorage.setItem('inferometer.theme', theme);
  } catch {
    // storage may be forbidden; the choice then lasts as long as the tab
  }
  dispatchEvent(new Event('inferometer-theme'));
}

function ThemeButton() {
  const { query } = router.usePlace();
  const asked = query.get('theme');
  const [theme, setTheme] = useState(THEMES.includes(asked) ? asked : storedTheme());
  useLayoutEffect(() => applyTheme(theme), [theme]);
  const after = value => THEMES[(THEMES.indexOf(value) + 1) % THEMES.length];
  return html`<button type="button" class="icon" onClick=${() => setTheme(after)}
    aria-label=${`Theme: ${theme}. Change to ${after(theme)}`} title=${`Theme: ${theme}`}><span
    aria-hidden="true">${GLYPHS[theme]}</span></button>`;
}

function LiveButton() {
  const paused = usePaused();
  return html`<button type="button" class=${`live ${paused ? 'off' : ''}`} aria-pressed=${!paused}
    onClick=${togglePaused} title="Pause or resume live updates (.)"><span class="dot"
    aria-hidden="true"></span>${paused ? 'Paused' : 'Live'}</button>`;
}

function Help({ open, close }) {
  const dialog = useRef();
  const [on, setOn] = useState(keys.enabled());
  useEffect(() => {
    if (open) {
      dialog.current.showModal();
    }
  }, [open]);
  return html`<dialog ref=${dialog} onClose=${close} aria-labelledby="help-title"
    onClick=${event => event.target === dialog.current && dialog.current.close()}>
    <div class="help"><header><h2 id="help-title">Keys</h2><button type="button" class="icon"
      aria-label="Close" onClick=${() => dialog.current.close()}><span aria-hidden="true">✕</span></button></header>
    ${keys.HELP.map(([where, rows]) => html`<section key=${where}><h3>${where}</h3><dl>${
    rows.map(([key, what]) => html`<div key=${key}><dt>${key.split(/ +/).map(k =>
      html`<kbd>${k}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl></section>`)}
    <label class="check"><input type="checkbox" checked=${on} onChange=${event => {
    keys.setEnabled(event.target.checked);
    setOn(event.target.checked);
  }} /> Single-key commands</label></div></dialog>`;
}

function Header({ path, openHelp }) {
  const here = href => (path === href ? 'page' : href === '/' && path.startsWith('/runs/') ? 'true' : null);
  const links = where => html`<nav class=${where} aria-label=${where === 'top' ? 'Main' : 'Main, bottom'}>
    ${NAV.map(([href, text]) => html`<a key=${href} href=${href} aria-current=${here(href)}>${text}</a>`)}</nav>`;
  return html`<header class="bar"><a class="brand" href="/"><svg viewBox="0 0 32 32" width="22" height="22"
    aria-hidden="true"><rect width="32" height="32" rx="7" /><path
    d="M4 24h3l2-3 2 1 2-14 3 15 2-6 2 4 2-1 2 2h4" /></svg>Inferometer</a>${links('top')}
    <div class="tools"><${LiveButton} /><${ThemeButton} /><button type="button" class="icon"
    onClick=${openHelp} aria-label="Keys and help" title="Keys (?)"><span aria-hidden="true">?</span></button></div>
    </header>${links('bottom')}`;
}

function NotFound() {
  return html`<h1 tabindex="-1">No such page</h1>
    <p><code>${location.pathname}</code> is not a page of this dashboard.</p>
    <p><a href="/">All runs</a></p>`;
}

function Unknown({ query, known }) {
  const names = [...new Set(query.keys())].filter(name => name !== 'theme' &&
    !known.some(k => (typeof k === 'string' ? k === name : k.test(name))));
  return names.length > 0 && html`<p class="notice" role="status">Ignored in the address: ${
    names.map((name, i) => html`${i ? ', ' : ''}<code>${name}</code>`)}.</p>`;
}

function App() {
  const { path, query } = router.usePlace();
  const [help, setHelp] = useState(false);
  const [page, match] = PAGES.map(([pattern, module]) => [module, pattern.exec(path)])
    .find(([, found]) => found) || [null, null];
  const name = page ? page.title(match) : 'No such page';
  const first = useRef(true);
  useEffect(() => {
    document.title = `${name} · Inferometer`;
    if (!first.current) {
      document.querySelector('main h1')?.focus({ preventScroll: true });
      announce(name);
    }
    first.current = false;
  }, [path]);
  keys.useKeys({
    '?': () => setHelp(true),
    'g o': () => router.navigate('/'),
    'g c': () => router.navigate('/compare'),
    'g a': () => router.navigate('/api'),
    '.': togglePaused,
  });
  return html`<a class="skip" href="#main">Skip to the content</a>
    <${Header} path=${path} openHelp=${() => setHelp(true)} />
    <main id="main" class="page" tabindex="-1">
    ${page && html`<${Unknown} query=${query} known=${page.params} />`}
    ${page ? html`<${page.Page} key=${path} match=${match} />` : html`<${NotFound} />`}</main>
    <div id="live" class="hidden" aria-live="polite" role="status"></div>
    <${Help} open=${help} close=${() => setHelp(false)} />`;
}

applyTheme(storedTheme());
router.start();
keys.start();
const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
