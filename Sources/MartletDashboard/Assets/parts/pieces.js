// What every screen is made of: elements, numbers and links, and small pieces such as states, bars, facts, text to copy.

import { h } from '../core/dom.js';
import { short, visible } from '../core/format.js';
import { link } from '../core/router.js';
import { say } from './announce.js';

export { h, link };
export * from '../core/format.js';

// A mark beside the word, so that a state never shows by colour alone: paths in a square of 12.
const ring = 'M6 1.75a4.25 4.25 0 1 0 0 8.5 4.25 4.25 0 0 0 0-8.5z';
const shapes = {
    ring, clock: `${ring}M6 3.8V6l1.6 1`, again: 'M10 6a4 4 0 1 1-1.3-3M9 1.2v2.2H6.8', play: 'M3.5 2.2v7.6L9.6 6z',
    pause: 'M4.2 2.5v7M7.8 2.5v7', check: 'M2.2 6.4l2.6 2.6 5-5.6', cross: 'M3 3l6 6M9 3l-6 6', stop: `${ring}M3.2 8.8l5.6-5.6`,
    alert: 'M6 2v4.6M6 9.2v.3',
};
const marks = {
    queued: 'ring', pending: 'clock', scheduled: 'clock', delayed: 'clock', retrying: 'again', active: 'play', downloading: 'play',
    running: 'play', paused: 'pause', stopping: 'pause', completed: 'check', ok: 'check', failed: 'cross', cancelled: 'stop',
    stopped: 'stop', warning: 'alert',
};

const mark = (name) => h('svg', { class: 'mark', viewBox: '0 0 12 12', 'aria-hidden': 'true' },
    h('path', { d: shapes[name] ?? shapes.ring }));

/** A state with its mark. */
export const badge = (state, label = state) =>
    h('span', { class: `badge ${state}` }, mark(marks[state]), h('span', null, label));

/** A bar for a part of a whole; without a whole it has no end. */
export const bar = (value, most, label) =>
    h('progress', { class: 'bar', max: most || 1, value: most ? Math.min(value, most) : 0, 'aria-label': label });

/** Facts in two columns: `[name, value]` or a list of these; a gap is left out. */
export const facts = (...rows) =>
    h('dl', { class: 'facts' }, rows.filter(Boolean).flatMap((row) => (Array.isArray(row[0]) ? row : [row]))
        .map(([name, ...value]) => [h('dt', null, name), h('dd', null, value)]));

/** The top of a screen. */
export const head = (title, ...more) => h('header', { class: 'head' }, h('h1', null, title), more);

/** Parts of one line with marks between them; gaps are left out. */
export const joined = (...parts) => parts.filter(Boolean).map((part, index) => [index ? ' · ' : '', part]);

/** What is less important. */
export const muted = (text) => h('span', { class: 'muted' }, text);

/** A part of a screen with a heading. */
export const section = (title, properties, ...children) =>
    h('section', { ...properties, class: `part ${properties?.class ?? ''}` }, h('h2', null, title), children);

/** A number with its name that leads to what it counts. */
export const tile = (name, value, [path, query], { note, kind = '' } = {}) =>
    anchor([['name', name], ['value', value], ['note', note]].map(([part, text]) => text !== undefined && h('span', { class: part }, text)),
        path, query, { key: name, class: `tile ${kind}` });

/** A link to a screen. */
export const anchor = (text, path, query, properties) => h('a', { href: link(path, query), ...properties }, text);

/** What stands where nothing is. */
export const empty = (...text) => h('p', { class: 'empty' }, text);

/** What is wrong. */
export const problem = (...text) => h('p', { class: 'problem' }, text);

/** What `view` makes of an answer, or why it is refused, or that it is still to come; this shows only when it takes long. */
export const answered = ({ data, errors }, name, view) => errors[name] ? problem(errors[name].message)
    : data[name] ? view(data[name]) : h('p', { class: 'empty asking' }, 'Asking the server…');

/** A foreign text of any length, with what cannot be seen spelled out. */
export const foreign = (text) => h('bdi', null, visible(text));

/** The beginning of an error, with more of it on hover. */
export const errorText = (text, limit = 120) =>
    h('span', { class: 'error', title: visible(short(text, 500)) }, foreign(short(text, limit)));

/** Text to read and to copy. */
export const code = (text, label) =>
    h('div', { class: 'code' },
        h('pre', { tabindex: 0, 'aria-label': label }, h('code', { dir: 'ltr' }, text)),
        button('Copy', () => copy(text), { class: 'copy', 'aria-label': `Copy ${label}` }));

/** Copies a text; the clipboard of browsers needs TLS, so there is an older way for plain HTTP. */
export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        const area = document.createElement('textarea');
        area.value = text;
        (document.querySelector('dialog[open]') ?? document.body).append(area);
        area.select();
        const isDone = document.execCommand('copy');
        area.remove();
        if (!isDone) return say('The browser does not allow to copy.', 'bad');
    }
    say('Copied.');
}

/** A button; with a `reason` it is disabled, and says why. Further properties are those of the element. */
export const button = (label, run, { reason, danger, primary, key, ...properties } = {}) =>
    h('button', {
        type: 'button', class: danger ? 'danger' : primary ? 'primary' : null, 'aria-disabled': reason ? 'true' : null,
        title: reason ?? (key ? `${label} (${key})` : null), onclick: () => (reason ? say(reason, 'bad') : run()), ...properties,
    }, label);
