// The keyboard: keys of the page, of its screen and of its table, one list for what they do and for the help.

import { setting } from './settings.js';

let layers = [];
let prefix = null;
let timer = null;

/**
 * Sets the keys in force: groups of `{ title, keys: [[key, label, run]] }`. `key` is a key's name, with `Shift+` where a letter is one, or two keys with a blank for one after the other (`g j`).
 */
export const setKeys = (groups) => { layers = groups; };

export const keyGroups = () => layers;

const nameOf = (event) => (event.shiftKey && /^[a-z]$|^Arrow/i.test(event.key) ? 'Shift+' : '') +
    (event.key.length === 1 && /[a-z]/i.test(event.key) ? event.key.toLowerCase() : event.key);

// A single key must not act while somebody types, nor where it means something to the element.
function isTaken(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
    const target = event.target;
    if (target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]')) return true;
    return document.querySelector('dialog[open]') !== null;
}

export function handleKey(event) {
    if (isTaken(event) || setting('keys') === 'off') return;
    if (event.key === 'Shift') return;
    const name = prefix ? `${prefix} ${nameOf(event)}` : nameOf(event);
    clearTimeout(timer);
    const all = layers.flatMap((layer) => layer.keys);
    const found = all.find(([key]) => key === name);
    const begins = !prefix && all.some(([key]) => key.startsWith(name + ' '));
    prefix = begins && !found ? name : null;
    timer = setTimeout(() => { prefix = null; }, 1500);
    if (!found) return;
    event.preventDefault();
    found[2]();
}
