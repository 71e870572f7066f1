// The app's modules that the modules loaded later share with it. build.mjs reads this list: an import of one of
// these from js/later or from a late page is answered by this object, so that nothing is sent twice.
import * as api from './api.js';
import * as cursor from './cursor.js';
import * as dom from './dom.js';
import * as figure from './figure.js';
import * as format from './format.js';
import * as invocation from './invocation.js';
import * as keys from './keys.js';
import * as later from './later.js';
import * as live from './live.js';
import * as parts from './parts.js';
import * as plot from './plot.js';
import * as router from './router.js';

globalThis[Symbol.for('inferometer')] = {
  api, cursor, dom, figure, format, invocation, keys, later, live, parts, plot, router,
};
