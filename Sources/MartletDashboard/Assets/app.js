// The dashboard: opens the session, shows the screen of the address, and keeps it current.

import { get, whenSignedOut } from './core/api.js';
import { h, render } from './core/dom.js';
import { handleKey, setKeys } from './core/keys.js';
import { Live } from './core/live.js';
import { go, here, link, match } from './core/router.js';
import { can, open, session } from './core/session.js';
import { cycle, setting } from './core/settings.js';
import { Stream } from './core/stream.js';
import { say } from './parts/announce.js';
import { chosen, pageKeys } from './parts/filter.js';
import { showKeys } from './parts/help.js';
import { button, duration, empty, problem } from './parts/pieces.js';
import { Table } from './parts/table.js';
import { screens } from './screens/all.js';
import { login } from './screens/login.js';

const root = document.getElementById('app');
const stream = new Stream((change) => { if (!change || concerns(change)) live.nudge(); }, draw);
const live = new Live(() => { context.screen?.changed?.(context); draw(); }, () => stream.isOpen);
const concerns = (change) => context.screen?.hears?.(context, change) ?? true;
const context = {
    get data() { return live.data; },
    get errors() { return live.errors; },
    get isPaused() { return live.isPaused; },
    redraw: draw,
    refresh: () => live.refresh(),
    toggle: () => live.toggle(),
    setQuery: (changes) => go(link(here().path, { ...here().query, ...changes })),
    signedOut: () => { session.caller = null; show(); },
};
let failure = null;
let isMenuOpen = false;
let shown = null;

async function start() {
    whenSignedOut(() => { if (session.caller) context.signedOut(); });
    addEventListener('hashchange', show);
    addEventListener('keydown', handleKey);
    setInterval(() => { if (!document.hidden && !live.isPaused) draw(); }, 1000);
    await begin();
}

async function begin() {
    try {
        await open();
        failure = null;
    } catch (error) {
        failure = error.status === 401 ? null : error;
        if (failure) setTimeout(begin, 3000);
    }
    show();
}

// While only the query changes, everything but the list that it chooses stays until the new answers are there.
function show() {
    const { path, query } = here();
    if (!path.length) return go(link(['overview']), true);
    context.screen?.close?.(context);
    context.table = context.state = null;
    const found = screens.map((screen) => ({ screen, params: match(screen.path, path) })).find((entry) => entry.params) ?? { screen: null };
    Object.assign(context, { ...found, query, path, filter: chosen(query, found.screen?.filters), search: '' });
    isMenuOpen = false;
    const isSame = path.join('/') === shown;
    stream.want(can('read', 'operate'));
    if (found.screen?.module && session.caller) {
        live.stop();
        live.clear();
        arrive(found.screen);
    } else if (found.screen && session.caller) {
        const { load, open, table } = found.screen;
        context.table = table ? new Table({ redraw: draw, ...table(context) }) : null;
        context.state = open?.(context);
        const { page: _, ...rest } = live.data;
        live.follow((signal) => load(context, (from, fields) => get(from, fields, signal), signal), isSame ? rest : {});
    } else {
        live.stop();
    }
    draw();
    if (isSame) return;
    shown = path.join('/');
    document.getElementById('main')?.focus({ preventScroll: true });
    scrollTo(0, 0);
}

// A screen whose module is loaded when it is opened.
async function arrive(screen) {
    try {
        Object.assign(screen, (await screen.module()).default, { module: null });
        if (context.screen === screen) show();
    } catch {
        screen.isMissing = true;
        draw();
    }
}

let isDrawn = true;
function draw() {
    if (!isDrawn) return;
    isDrawn = false;
    queueMicrotask(() => {
        isDrawn = true;
        render(root, page());
        setKeys(session.caller ? keys() : []);
    });
}

function page() {
    if (failure) return plain(problem(failure.message), h('p', null, 'Trying again…'));
    if (!session.caller) return login({ done: show, redraw: draw });
    const { screen } = context;
    document.title = `${screen ? screen.title?.(context) ?? screen.nav?.label ?? '' : 'Nothing here'} · Martlet`;
    return [
        h('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to the content'),
        h('div', { class: `frame ${live.isLost ? 'lost' : ''}` }, side(),
            h('main', { id: 'main', tabindex: -1, 'aria-busy': live.at || live.isLost ? null : 'true' },
                connection(),
                h('div', { key: context.path.join('/'), class: 'screen' },
                    content(screen)))),
    ];
}

// A screen of which no request is allowed says why; all else is its own matter.
function content(screen) {
    if (!screen) return empty('There is nothing at this address.');
    if (screen.module) return screen.isMissing && problem('This screen did not load. Load the page anew.');
    const errors = Object.values(live.errors).filter(Boolean);
    if (errors.length && !Object.keys(live.data).length) return problem(errors[0].message);
    try {
        return screen.view(context);
    } catch (error) {
        // A screen that fails must not take the others with it.
        console.error(error);
        return problem(`This screen has failed: ${error.message}`);
    }
}

const plain = (...children) => h('main', { class: 'login', id: 'main' }, h('h1', null, 'Martlet'), children);

function skip(event) {
    event.preventDefault();
    document.getElementById('main').focus();
}

function side() {
    const current = context.path[0];
    return h('header', { class: `side ${isMenuOpen ? 'open' : ''}` },
        h('div', { class: 'brand' },
            h('a', { href: link(['overview']) }, 'Martlet'),
            button('Menu', () => { isMenuOpen = !isMenuOpen; draw(); },
                { class: 'menu', 'aria-expanded': String(isMenuOpen), 'aria-controls': 'navigation' })),
        h('nav', { id: 'navigation', 'aria-label': 'Screens' }, screens.filter((screen) => screen.nav).map(({ nav, path }) =>
            h('a', {
                key: nav.label, href: link(path), 'aria-current': path[0] === current ? 'page' : null,
                title: `${nav.label} (g ${nav.key})`,
            }, nav.label))),
        h('div', { class: 'tools' },
            session.caller.needs_token && h('a', { href: link(['system']), title: 'The token of this browser and its roles' },
                `${session.caller.name}: ${session.caller.roles.join(', ')}`),
            liveness(),
            button(`Theme: ${setting('theme')}`, nextTheme, { title: 'Theme (t)' }),
            button(`Times: ${setting('times')}`, nextTimes, { title: 'Relative, local or UTC times (u)' }),
            button('Keys', showKeys, { key: '?' })));
}

function liveness() {
    const [text, hint] = live.isPaused ? ['Paused', ''] : live.isLost ? ['Not connected', '']
        : stream.isOpen ? ['Live', ': the server tells what changes'] : ['Every 2 s', ': the page asks again and again'];
    return button([h('span', { class: 'dot', 'aria-hidden': 'true' }), text], context.toggle, {
        class: `liveness ${live.isPaused ? 'paused' : live.isLost ? 'bad' : ''}`, 'aria-pressed': String(live.isPaused),
        title: `Stop or continue updating (r)${hint}`,
    });
}

// The age of what is shown, whenever it is not new.
function connection() {
    const age = live.at ? `What you see is ${duration(Math.floor((Date.now() - live.at) / 1000))} old.` : '';
    if (live.isLost) {
        const retry = live.retryAt ? ` Asking again in ${duration(Math.max(0, Math.ceil((live.retryAt - Date.now()) / 1000)))}.` : '';
        return h('p', { class: 'connection bad' },
            h('strong', { role: 'alert' }, live.lostWhy), ' ', h('span', null, age + retry));
    }
    if (!live.isPaused) return null;
    return h('p', { class: 'connection' }, `Updates are stopped. ${age} `,
        button(['Continue', h('kbd', null, 'r')], context.toggle));
}

function choose(name, title, values) {
    cycle(name, values);
    say(`${title}: ${setting(name)}`);
    draw();
}
const nextTheme = () => choose('theme', 'Theme', ['auto', 'light', 'dark']);
const nextTimes = () => choose('times', 'Times', ['relative', 'local', 'UTC']);

const keys = () => [
    { title: 'Screens', keys: screens.filter((screen) => screen.nav).map(({ nav, path }) =>
        [`g ${nav.key}`, nav.label, () => go(link(path))]) },
    { title: 'Page', keys: [
        ['?', 'Keys', showKeys], ['r', 'Stop or continue updating', context.toggle],
        ['t', 'Theme', nextTheme], ['u', 'Times relative, local or UTC', nextTimes],
        ...(context.screen?.filters ? [['/', 'Filter', () => document.getElementById('search').focus()]] : []),
    ] },
    ...(context.table ? [context.table.keys] : []), ...(live.data.page ? [pageKeys(context)] : []), ...(context.screen?.keys?.(context) ?? []),
];

start();
