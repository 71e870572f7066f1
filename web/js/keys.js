// Single-key commands. They work only outside fields and dialogs, never with a modifier, and can be
// switched off (kept in localStorage). A page adds its own with useKeys; the newest handler of a key wins.
import { useEffect, useRef } from './dom.js';

export const HELP = [
  [
    'Anywhere',
    [
      ['?', 'this help'],
      ['g o', 'go to the overview'],
      ['g c', 'go to compare'],
      ['g a', 'go to the API page'],
      ['.', 'pause or resume live updates'],
    ],
  ],
  [
    'Overview',
    [
      ['/', 'search'],
      ['j  k', 'next, previous run'],
      ['Enter', 'open the run'],
      ['x', 'select the run (two at most)'],
      ['c', 'compare the two selected'],
      ['g r', 'open the newest run'],
    ],
  ],
  [
    'Run',
    [
      ['c', 'compare this run with another'],
      ['T', 'charts as tables, and back (of the focused chart: only that one)'],
      ['Esc', 'reset the zoom (of histogram, time-line and lanes)'],
      ['Enter', 'on a dot: show that invocation'],
      ['← →  Home End', 'walk the points of a focused chart'],
    ],
  ],
  [
    'Compare',
    [
      ['s', 'swap A and B'],
      ['T', 'charts as tables, and back'],
    ],
  ],
];

const stack = [];
let prefix = null;
let prefixTimer = 0;

const STORE = 'inferometer.keys';
export function enabled() {
  try {
    return localStorage.getItem(STORE) !== 'off';
  } catch {
    return true;
  }
}
export function setEnabled(on) {
  try {
    localStorage.setItem(STORE, on ? 'on' : 'off');
  } catch {
    // storage may be forbidden; then the keys stay as they are
  }
}

function inField(target) {
  return (
    target.isContentEditable ||
    (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio)$/.test(target.type))
  );
}

function lookUp(key) {
  for (let i = stack.length - 1; i >= 0; i--) {
    const handler = stack[i].current[key];
    if (handler) {
      return handler;
    }
  }
  return null;
}

export function start() {
  addEventListener('keydown', event => {
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.defaultPrevented ||
      inField(event.target) ||
      document.querySelector('dialog[open]') ||
      !enabled()
    ) {
      return;
    }
    const key = prefix ? `${prefix} ${event.key}` : event.key;
    clearTimeout(prefixTimer);
    prefix = null;
    if (key === 'g') {
      prefix = 'g';
      prefixTimer = setTimeout(() => {
        prefix = null;
      }, 1000);
      return;
    }
    const handler = lookUp(key);
    if (handler && handler(event) !== false) {
      event.preventDefault();
    }
  });
}

export function useKeys(map) {
  const latest = useRef(map);
  latest.current = map;
  useEffect(() => {
    stack.push(latest);
    return () => stack.splice(stack.indexOf(latest), 1);
  }, []);
}
