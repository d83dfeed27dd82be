// Tables: rows that stay under the pointer, selection by identity, and the same keys on every screen.

import { button, empty, h, plural } from './pieces.js';
import { settle } from './rows.js';

/** The column of a row's buttons. */
export const actionColumn = (cell) => [h('span', { class: 'hidden' }, 'Actions'), cell, 'end'];

/** The table of one screen. */
export class Table {
    /**
     * `columns` are `[head, cell(item), kind]`: `kind` is a class such as `number`. `key(item)` is the identity of an
     * item. With `selects` rows have checkboxes, with the name that `name(item)` gives.
     */
    constructor({ caption, columns, key, name = key, selects = false, redraw }) {
        Object.assign(this, { caption, columns, key, name, selects, redraw });
        this.rows = [];
        this.selected = new Set();
        this.anchor = null;
        this.isPointed = false;
    }

    get isHeld() {
        const isFocused = this.body?.contains(document.activeElement);
        return this.isPointed || isFocused || this.selected.size > 0 || document.querySelector('dialog[open]') !== null;
    }

    /** Shows what has changed since the rows were held. */
    release() {
        this.selected.clear();
        this.isPointed = false;
        this.rows = [];
        if (this.body?.contains(document.activeElement)) document.activeElement.blur();
        this.redraw();
    }

    /** The selected items that are still there. */
    get chosen() {
        return this.rows.filter((row) => this.selected.has(row.key) && !row.isGone).map((row) => row.item);
    }

    /** The chosen items, or else the one that has the focus. */
    get target() {
        if (this.selected.size) return this.chosen;
        const focused = this.rows[this.focusedIndex];
        return focused && !focused.isGone ? [focused.item] : [];
    }

    get focusedIndex() {
        const row = document.activeElement?.closest?.('tr');
        return row && this.body?.contains(row) ? [...this.body.children].indexOf(row) : -1;
    }

    /** The rows of these items, or a text where there is none. */
    view(items, ...nothing) {
        if (!items.length && !this.rows.length) return empty(nothing);
        const { rows, waiting } = settle(this.rows, items, this.key, this.isHeld);
        this.rows = rows;
        const gone = rows.filter((row) => row.isGone).length;
        return [
            waiting > 0 || gone > 0
                ? button([[waiting && `${waiting} new`, gone && `${gone} gone`].filter(Boolean).join(', '), h('kbd', null, '.')],
                    () => this.release(), { class: 'fresh' })
                : null,
            h('div', { class: 'scroll' },
                h('table', {
                    onpointerenter: (event) => this.point(event, true), onpointerleave: (event) => this.point(event, false),
                },
                    h('caption', { class: 'hidden' }, this.caption),
                    h('thead', null, h('tr', null, this.selects && this.headBox(), this.columns.map(([head, , kind]) =>
                        h('th', { scope: 'col', class: kind }, head)))),
                    h('tbody', { mounted: (node) => { this.body = node; } }, rows.map((row) => this.row(row))))),
        ];
    }

    point(event, isInside) {
        if (event.pointerType !== 'mouse') return;
        this.isPointed = isInside;
        if (!isInside) this.redraw();
    }

    row({ key, item, isGone }) {
        const isSelected = this.selected.has(key);
        return h('tr', { key, tabindex: -1, class: `${isGone ? 'gone ' : ''}${isSelected ? 'selected' : ''}` },
            this.selects && h('td', { class: 'box' }, h('input', {
                type: 'checkbox', checked: isSelected, 'aria-label': `Select ${this.name(item)}`,
                onclick: (event) => this.toggle(key, event.shiftKey),
            })),
            this.columns.map(([head, cell, kind], index) =>
                h(index ? 'td' : 'th', {
                    class: kind, scope: index ? null : 'row', 'data-label': typeof head === 'string' ? head : '',
                }, cell(item))));
    }

    get isAll() { return this.rows.length > 0 && this.selected.size >= this.rows.length; }

    headBox() {
        return h('th', { scope: 'col', class: 'box' }, h('input', {
            type: 'checkbox', checked: this.isAll, indeterminate: !this.isAll && this.selected.size > 0,
            'aria-label': 'Select all on this page', onclick: () => this.toggleAll(),
        }));
    }

    clear() {
        this.selected.clear();
        this.redraw();
    }

    toggle(key, isRange) {
        const keys = this.rows.map((row) => row.key);
        const isOn = !this.selected.has(key);
        const ends = [keys.indexOf(isRange && this.anchor !== null ? this.anchor : key), keys.indexOf(key)];
        const chosen = keys.slice(Math.max(0, Math.min(...ends)), Math.max(...ends) + 1);
        for (const one of chosen) if (isOn) this.selected.add(one); else this.selected.delete(one);
        this.anchor = key;
        this.redraw();
    }

    toggleAll() {
        if (this.selected.size) this.selected.clear();
        else for (const row of this.rows) this.selected.add(row.key);
        this.redraw();
    }

    move(step) {
        const rows = [...(this.body?.children ?? [])];
        const next = Math.min(Math.max(this.focusedIndex + step, 0), rows.length - 1);
        (rows[next]?.querySelector('th a') ?? rows[next])?.focus();
    }

    /** The keys of every table. */
    get keys() {
        const toggle = (isRange) => {
            const row = this.rows[this.focusedIndex];
            if (row) this.toggle(row.key, isRange);
        };
        const keys = [
            ['j', 'Next row', () => this.move(1)],
            ['k', 'Previous row', () => this.move(-1)],
            ['.', 'Show what is new', () => this.release()],
        ];
        if (this.selects) {
            keys.push(['x', 'Select the row', () => toggle(false)],
                ['Shift+x', 'Select up to the row', () => toggle(true)],
                ['a', 'Select all on the page, or none', () => this.toggleAll()],
                ['Escape', 'Select none', () => this.clear()]);
        }
        return { title: 'Table', keys };
    }

    /** The bar of actions below a table with selected rows. */
    bar(noun, ...children) {
        if (!this.chosen.length) return null;
        return h('div', { class: 'actions', role: 'toolbar', 'aria-label': 'Actions for what is selected' },
            h('span', null, `${plural(this.chosen.length, noun)} selected`), children,
            button('Clear', () => this.clear(), { class: 'quiet' }));
    }
}
