// Filters of a list: a field for `name:value`, and what is in force, each with a way to remove it. They are in the address.

import { h } from '../core/dom.js';
import { foreign } from './pieces.js';
import { say } from './announce.js';

/** The filters of an address that are in force. */
export const chosen = (query, names) =>
    Object.fromEntries(Object.entries(query).filter(([name, value]) => value && names.includes(name)));

const chip = (key, label, text, remove) =>
    h('button', { key, type: 'button', class: 'chip', 'aria-label': label, onclick: remove }, text,
        h('span', { 'aria-hidden': 'true' }, ' ✕'));

// What is in force, each with a way to remove it.
const chips = (context, names) => Object.entries(chosen(context.query, names)).map(([name, value]) =>
    chip(name, `Remove the filter ${name} ${value}`, [foreign(name), ':', foreign(value)],
        () => context.setQuery({ [name]: null, cursor: null })));

const cursorChip = (context) => context.query.cursor &&
    chip('cursor', 'Go to the first page', 'not the first page', () => context.setQuery({ cursor: null }));

/** The field, `more`, and what is in force; `plain` is called with a text that is one word and no filter. */
export const search = (context, options, ...more) => h('div', { class: 'filter', role: 'search' },
    field(context, options), more, chips(context, options.names), cursorChip(context));

/** The choices of one filter: `[label, address, isChosen, count, kind]`. */
export const facets = (label, choices) => h('nav', { class: 'facets', 'aria-label': label }, choices.map(([name, href, isChosen, number, kind]) =>
    h('a', { key: name, href, class: kind, 'aria-current': isChosen ? 'true' : null }, name,
        number !== undefined && h('span', { class: 'count' }, number))));

/** A way to the next page. */
export const nextPage = (context, cursor) => cursor && h('footer', { class: 'pages' },
    h('button', { type: 'button', onclick: () => context.setQuery({ cursor }) }, 'Next page'));

const field = (context, { names, label = 'Filter', placeholder, plain }) => h('input', {
    id: 'search', type: 'search', value: context.state.search, 'aria-label': label, autocomplete: 'off', spellcheck: 'false',
    placeholder, oninput: (event) => { context.state.search = event.target.value; },
    onkeydown: (event) => { if (event.key === 'Enter') { event.preventDefault(); apply(context, names, plain); } },
});

function apply(context, names, plain) {
    const words = context.state.search.trim().split(/\s+/).filter(Boolean);
    const found = { cursor: null };
    for (const word of words) {
        const [name, value] = [word.slice(0, word.indexOf(':')), word.slice(word.indexOf(':') + 1)];
        if (names.includes(name)) found[name] = value;
        else if (words.length === 1 && plain) return plain(word);
        else return say(`${word} is not a filter. Filters are ${names.map((name) => name + ':').join(', ')}.`, 'bad');
    }
    context.state.search = '';
    context.setQuery(found);
}
