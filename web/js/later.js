// What is loaded when it is wanted: whole pages, and panels that come near the screen. A panel that was never
// seen costs no request; its button loads it for who reads without a screen.
import { html, useEffect, useLayoutEffect, useRef, useState } from './dom.js';
import { Failure, Loading, Panel } from './parts.js';

function useModule(load, wanted) {
  const [state, setState] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    if (wanted) {
      load().then(
        module => !gone && setState({ module, focused: document.activeElement?.tagName === 'H1' }),
        () => !gone && setState({ error: { title: 'A part of the page did not load', detail: 'Is the daemon still running?' } }),
      );
    }
    return () => { gone = true; };
  }, [wanted, turn]);
  return [state, () => { setState({}); setTurn(value => value + 1); }];
}

export const latePage = (name, load) => function Late(props) {
  const [{ module, error, focused }, retry] = useModule(load, true);
  useLayoutEffect(() => {
    if (focused) { // the heading that had the focus was the stand-in's
      document.querySelector('main h1')?.focus({ preventScroll: true });
    }
  }, [module]);
  return module ? html`<${module.Page} ...${props} />`
    : html`<h1 tabindex="-1">${name}</h1>${error ? html`<${Failure} error=${error} retry=${retry} />`
      : html`<${Loading} rows=${6} />`}`;
};

// What there is; each module exports default: a component that draws the whole panel
const PANELS = {
  lanes: () => import('./later/lanes.js'),
  ops: () => import('./later/ops.js'),
  scenario: () => import('./later/scenario.js'),
  pairs: () => import('./later/pairs.js'),
};

export function Later({ id, title, className = '', ...props }) {
  const place = useRef();
  const [wanted, setWanted] = useState(false);
  const [{ module, error }, retry] = useModule(PANELS[id], wanted);
  useEffect(() => {
    const observer = new IntersectionObserver(seen => seen.some(e => e.isIntersecting) && setWanted(true),
      { rootMargin: '160px 0px' });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return html`<div ref=${place} class=${`later ${className}`} data-later=${id}>${module
    ? html`<${module.default} ...${props} />`
    : html`<${Panel} title=${title} id=${id} className="waiting" extra=${!wanted && html`<button type="button"
      class="small" onClick=${() => setWanted(true)}>Load</button>`}>${error
      ? html`<${Failure} error=${error} retry=${retry} />` : wanted && html`<${Loading} rows=${4} />`}</${Panel}>`}</div>`;
}
