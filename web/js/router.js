// The address is the state: pages read path and query from here and change them through here, nowhere else.
import { useEffect, useState } from './dom.js';

const listeners = new Set();
let place = read();

function read() {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

function changed() {
  place = read();
  listeners.forEach(listener => listener(place));
}

export function start() {
  history.scrollRestoration = 'manual';
  addEventListener('popstate', () => {
    changed();
    restoreScroll(history.state?.scroll || 0, 20);
  });
  addEventListener('click', event => {
    const link = event.target.closest?.('a[href]');
    if (
      !link ||
      event.defaultPrevented ||
      event.button !== 0 ||
      link.target ||
      link.hasAttribute('download') ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    ) {
      return;
    }
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || !isPage(url.pathname) || (url.hash && url.pathname === location.pathname)) {
      return;
    }
    event.preventDefault();
    navigate(url.pathname + url.search);
  });
}

export function isPage(path) {
  return path === '/' || path === '/compare' || path === '/api' || /^\/runs\/[^/]+$/.test(path);
}

// Data come after the jump back, so the height is there only some frames later.
function restoreScroll(top, tries) {
  scrollTo(0, top);
  if (tries > 0 && Math.abs(scrollY - top) > 2) {
    setTimeout(() => restoreScroll(top, tries - 1), 30);
  }
}

export function navigate(url, { replace = false } = {}) {
  if (url === location.pathname + location.search) {
    return;
  }
  const samePage = new URL(url, location.href).pathname === location.pathname;
  if (replace) {
    history.replaceState(history.state, '', url);
  } else {
    history.replaceState({ ...history.state, scroll: scrollY }, '');
    history.pushState({}, '', url);
  }
  changed();
  if (!samePage) {
    scrollTo(0, 0);
  }
}

// null or '' removes a parameter: defaults are not written
export function withQuery(patch, query = place.query) {
  const next = new URLSearchParams(query);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined || value === '') {
      next.delete(key);
    } else {
      next.set(key, value);
    }
  }
  const text = next.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return place.path + (text ? `?${text}` : '');
}

export function setQuery(patch, options) {
  navigate(withQuery(patch), options);
}

export const current = () => place;

export function usePlace() {
  const [value, setValue] = useState(place);
  useEffect(() => {
    listeners.add(setValue);
    return () => listeners.delete(setValue);
  }, []);
  return value;
}
