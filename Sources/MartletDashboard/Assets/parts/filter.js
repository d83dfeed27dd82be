// Filters of a list: a field for `name:value`, and what is in force, each with a way to remove it. They are in the address.

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
export const nextPage = (context, cursor) => cursor && h('footer', { class: 'pages' },
    button('Next page', () => context.setQuery({ cursor })));

/** How a screen loads and shows one list: the items that the answer at `path` has as `name`. */
export const listOf = (path, name, { note, nothing, ...options }) => ({
    load: ({ filter, query: { cursor } }, get) => ({ page: get(path, { ...filter, cursor }) }),
    view: (context) => [
        head(context.screen.nav.label, note && muted(note)),
        search(context, options),
        answered(context, 'page', (page) => [context.table.view(page[name], nothing), nextPage(context, page.next_cursor)]),
    ],
});

const field = (context, { label = 'Filter', placeholder, plain }) => h('input', {
    id: 'search', type: 'search', value: context.search, 'aria-label': label, autocomplete: 'off', spellcheck: 'false',
    placeholder, oninput: (event) => { context.search = event.target.value; },
    onkeydown: (event) => { if (event.key === 'Enter') { event.preventDefault(); apply(context, plain); } },
});

function apply(context, plain) {
    const { filters } = context.screen;
    const words = context.search.trim().split(/\s+/).filter(Boolean);
    const found = { cursor: null };
    for (const word of words) {
        const [name, value] = [word.slice(0, word.indexOf(':')), word.slice(word.indexOf(':') + 1)];
        if (isOne(name, filters)) found[name] = value;
        else if (words.length === 1 && plain) return plain(word);
        else return say(`${word} is not a filter. Filters are ${filters.map((name) => name + ':').join(', ')}.`, 'bad');
    }
    context.search = '';
    context.setQuery(found);
}
