// Filters of a list: a field for `name:value`, and what is in force, each with a way to remove it. They are in the address.

import { now } from '../core/api.js';
import { say } from './announce.js';
import { anchor, answered, button, foreign, h, head, muted } from './pieces.js';

/** The filters of an address that are in force; a name that ends with a dot stands for all that begin with it. */
export const chosen = (query, names = []) =>
    Object.fromEntries(Object.entries(query).filter(([name, value]) => value && isOne(name, names)));

const isOne = (name, names) =>
    names.some((known) => known === name || (known.endsWith('.') && name.startsWith(known) && name !== known));

const chip = (key, label, text, remove) =>
    button([text, h('span', { 'aria-hidden': 'true' }, ' ✕')], remove, { key, class: 'chip', 'aria-label': label });

// What is in force, each with a way to remove it.
const chips = ({ filter, setQuery }) => Object.entries(filter).map(([name, value]) =>
    chip(name, `Remove the filter ${name} ${value}`, [foreign(name), ':', foreign(value)],
        () => setQuery({ [name]: null, cursor: null })));

const cursorChip = ({ query, setQuery }) => query.cursor &&
    chip('cursor', 'Go to the first page', 'not the first page', () => setQuery({ cursor: null }));

/** The field, `more`, and what is in force; `plain` is called with a text that is one word and no filter. */
export const search = (context, options, ...more) => h('div', { class: 'filter', role: 'search' },
    field(context, options), more, chips(context), cursorChip(context));

/** The choices of the filter `name`: `[label, value, count, kind]`. */
export const facets = ({ filter, path, query }, label, name, choices) => h('nav', { class: 'facets', 'aria-label': label },
    choices.map(([text, value, number, kind]) => anchor([text, number !== undefined && h('span', { class: 'count' }, number)],
        path, { ...filter, [name]: value },
        { key: text, class: kind, 'aria-current': (query[name] ?? '') === value ? 'true' : null })));

/** A way to the next page. */
export const nextPage = ({ setQuery }, cursor, label = 'Next page') =>
    cursor && button([label, h('kbd', null, ']')], () => setQuery({ cursor }));

/** The keys of a list in pages. */
export const pageKeys = (context) => ({ title: 'Pages', keys: [
    [']', 'Next page', () => {
        const cursor = context.data.page?.next_cursor;
        if (cursor) context.setQuery({ cursor });
        else say('This is the last page.');
    }],
    ['[', 'First page', () => context.setQuery({ cursor: null })],
] });

/** How a screen loads and shows one list: the items that the answer at `path` has as `name`. */
export const listOf = (path, name, { note, nothing, ...options }) => ({
    load: ({ filter, query: { cursor } }, get) => ({ page: get(path, { ...filter, cursor }) }),
    view: (context) => [
        head(context.screen.nav.label, note && muted(note)),
        search(context, options),
        answered(context, 'page', (page) => [context.table.view(page[name], nothing), h('footer', { class: 'pages' }, nextPage(context, page.next_cursor))]),
    ],
});

const field = (context, { label = 'Filter', placeholder, plain, suggestions = [] }) => [
    h('input', {
        id: 'search', type: 'search', value: context.search, 'aria-label': label, autocomplete: 'off', spellcheck: 'false',
        placeholder, list: 'suggestions', oninput: (event) => { context.search = event.target.value; },
        onkeydown: (event) => { if (event.key === 'Enter') { event.preventDefault(); apply(context, plain); } },
    }),
    h('datalist', { id: 'suggestions' }, suggestions.map(([name, value]) =>
        h('option', { key: name + value, value: `${name}:${/\s/.test(value) ? `"${value}"` : value}` }))),
];

// `name:value`, `name:"two words"`, and what is neither.
const words = /([^\s":]+):(?:"([^"]*)"|(\S+))|"([^"]*)"|\S+/g;

function apply(context, plain) {
    const { filters } = context.screen;
    const found = {};
    const others = [];
    for (const [word, name, quoted, value, phrase] of context.search.matchAll(words)) {
        if (name && isOne(name, filters)) found[name] = quoted ?? value;
        else others.push(phrase ?? word);
    }
    const isAlone = others.length === 1 && !Object.keys(found).length;
    const strange = others.find((word) => !plain || (word.includes(':') && !isAlone));
    if (strange) return say(`${strange} is not a filter. Filters are ${filters.map((name) => (name.endsWith('.') ? `${name}path:` : `${name}:`)).join(', ')}.`, 'bad');
    if (others.length) return plain(others.join(' '), isAlone, found);
    enter(context, found);
}

/** Adds filters to the address, and empties the field. */
export function enter(context, found) {
    context.search = '';
    context.setQuery({ ...found, cursor: null });
}

/** A filter that is chosen from a list of `[value, text]`; a value that is not among them stands there too. */
export function choice({ query, setQuery }, label, name, options) {
    const chosenValue = query[name] ?? '';
    const all = options.some(([value]) => value === chosenValue) ? options : [...options, [chosenValue, chosenValue]];
    return h('select', {
        'aria-label': label, value: chosenValue, onchange: (event) => setQuery({ [name]: event.target.value, cursor: null }),
    }, all.map(([value, text]) => h('option', { key: value, value, selected: value === chosenValue }, text)));
}

const seconds = { m: 60, h: 3600, d: 86_400 };

/** Filters as the API takes them: `created_after:2h` means pushed in the last two hours. */
export const absolute = (filter) => Object.fromEntries(Object.entries(filter).map(([name, value]) => {
    const [, number, unit] = (name.startsWith('created_') && /^(\d+)([mhd])$/.exec(value)) || [];
    return [name, number ? new Date(now() - number * seconds[unit] * 1000).toISOString() : value];
}));
