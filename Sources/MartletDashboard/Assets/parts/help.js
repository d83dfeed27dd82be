// The list of keys in force, and the switch that turns them off.

import { h } from '../core/dom.js';
import { keyGroups } from '../core/keys.js';
import { choose, setting } from '../core/settings.js';
import { ask } from './dialog.js';
import { button } from './pieces.js';

const spoken = { 'Shift+ArrowUp': 'Shift ↑', 'Shift+ArrowDown': 'Shift ↓' };

const shown = (key) => (spoken[key] ?? key.replace('Shift+', 'Shift ')).split(' ')
    .map((word) => h('kbd', null, /^[a-z]$/.test(word) && key.startsWith('Shift') ? word.toUpperCase() : word));

/** Shows the keys. */
export const showKeys = () => ask('Keys', (dialog) => [
    h('div', { class: 'keys' }, keyGroups().map((group) => h('section', { key: group.title }, h('h3', null, group.title),
        h('dl', null, group.keys.map(([key, label]) => [h('dt', null, shown(key)), h('dd', null, label)]))))),
    h('label', { class: 'switch' }, h('input', {
        type: 'checkbox', checked: setting('keys') === 'on', onchange: (event) => choose('keys', event.target.checked ? 'on' : 'off'),
    }), 'Keys do something'),
    h('div', { class: 'buttons' }, button('Close', () => dialog.close(), { primary: true })),
], { wide: true });
