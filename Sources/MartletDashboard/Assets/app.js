// The dashboard: opens the session, shows the screen of the address, and keeps it current.

import { whenSignedOut } from './core/api.js';
import { h, render } from './core/dom.js';
import { duration } from './core/format.js';
import { handleKey, setKeys } from './core/keys.js';
import { Live } from './core/live.js';
import { go, here, link, match } from './core/router.js';
import { can, open, session } from './core/session.js';
import { cycle, setting } from './core/settings.js';
import { Stream } from './core/stream.js';
import { say } from './parts/announce.js';
import { showKeys } from './parts/help.js';
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
    context.state = null;
    const found = screens.map((screen) => ({ screen, params: match(screen.path, path) })).find((entry) => entry.params);
    Object.assign(context, { screen: found?.screen, params: found?.params, query, path });
    isMenuOpen = false;
    const isSame = path.join('/') === shown;
    if (session.caller && can('read', 'operate')) stream.start(); else stream.stop();
    if (found && session.caller) {
        context.state = found.screen.open(context);
        const { page: _, ...rest } = live.data;
        live.follow((signal) => found.screen.load(context, signal), isSame ? rest : {});
    } else {
        live.stop();
    }
    draw();
    if (isSame) return;
    shown = path.join('/');
    document.getElementById('main')?.focus({ preventScroll: true });
    scrollTo(0, 0);
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
    if (failure) return plain(h('p', { class: 'problem' }, failure.message), h('p', null, 'Trying again…'));
    if (!session.caller) return login({ done: show, redraw: draw });
    const { screen } = context;
    document.title = `${screen ? screen.title(context) : 'Nothing here'} · Martlet`;
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
    if (!screen) return h('p', { class: 'empty' }, 'There is nothing at this address.');
    const errors = Object.values(live.errors).filter(Boolean);
    if (errors.length && !Object.keys(live.data).length) return h('p', { class: 'problem' }, errors[0].message);
    try {
        return screen.view(context);
    } catch (error) {
        // A screen that fails must not take the others with it.
        console.error(error);
        return h('p', { class: 'problem' }, `This screen has failed: ${error.message}`);
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
            h('button', {
                type: 'button', class: 'menu', 'aria-expanded': String(isMenuOpen), 'aria-controls': 'navigation',
                onclick: () => { isMenuOpen = !isMenuOpen; draw(); },
            }, 'Menu')),
        h('nav', { id: 'navigation', 'aria-label': 'Screens' }, screens.filter((screen) => screen.nav).map(({ nav, path }) =>
            h('a', {
                key: nav.label, href: link(path), 'aria-current': path[0] === current ? 'page' : null,
                title: `${nav.label} (g ${nav.key})`,
            }, nav.label))),
        h('div', { class: 'tools' },
            session.caller.needs_token && h('a', { href: link(['system']), title: 'The token of this browser and its roles' },
                `${session.caller.name}: ${session.caller.roles.join(', ')}`),
            liveness(),
            h('button', { type: 'button', onclick: nextTheme, title: 'Theme (t)' }, `Theme: ${setting('theme')}`),
            h('button', { type: 'button', onclick: nextTimes, title: 'Relative, local or UTC times (u)' },
                `Times: ${setting('times')}`),
            h('button', { type: 'button', onclick: showKeys, title: 'Keys (?)' }, 'Keys')));
}

function liveness() {
    const [text, hint] = live.isPaused ? ['Paused', ''] : live.isLost ? ['Not connected', '']
        : stream.isOpen ? ['Live', ': the server tells what changes'] : ['Every 2 s', ': the page asks again and again'];
    return h('button', {
        type: 'button', class: `liveness ${live.isPaused ? 'paused' : live.isLost ? 'bad' : ''}`,
        onclick: () => live.toggle(), 'aria-pressed': String(live.isPaused), title: `Stop or continue updating (r)${hint}`,
    }, h('span', { class: 'dot', 'aria-hidden': 'true' }), text);
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
        h('button', { type: 'button', onclick: () => live.toggle() }, 'Continue', h('kbd', null, 'r')));
}

const nextTheme = () => { cycle('theme', ['auto', 'light', 'dark']); say(`Theme: ${setting('theme')}`); draw(); };
const nextTimes = () => { cycle('times', ['relative', 'local', 'UTC']); say(`Times: ${setting('times')}`); draw(); };

const keys = () => [
    { title: 'Screens', keys: screens.filter((screen) => screen.nav).map(({ nav, path }) => ({
        key: `g ${nav.key}`, label: nav.label, run: () => go(link(path)),
    })) },
    { title: 'Page', keys: [
        { key: '?', label: 'Keys', run: showKeys },
        { key: 'r', label: 'Stop or continue updating', run: () => live.toggle() },
        { key: 't', label: 'Theme', run: nextTheme }, { key: 'u', label: 'Times relative, local or UTC', run: nextTimes },
    ] },
    ...(context.screen?.keys(context) ?? []),
];

start();
