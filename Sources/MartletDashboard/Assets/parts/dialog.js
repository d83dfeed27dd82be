// Dialogs: a question or a form above the page. The browser keeps the focus inside and gives it back.

import { h, render } from '../core/dom.js';

let sequence = 0;

/** Shows a dialog; `view(dialog)` describes its content, and `dialog.close(value)` ends the promise with a value. */
export function ask(title, view, { wide = false } = {}) {
    const element = document.createElement('dialog');
    const id = `dialog-${(sequence += 1)}`;
    element.setAttribute('aria-labelledby', id);
    element.className = wide ? 'wide' : '';
    document.body.append(element);
    return new Promise((resolve) => {
        const dialog = { value: undefined, error: null, isBusy: false };
        dialog.draw = () =>
            render(element, [
                h('h2', { id }, title),
                view(dialog),
                dialog.error && h('p', { class: 'problem', role: 'alert' }, dialog.error),
            ]);
        dialog.close = (value) => {
            dialog.value = value;
            element.close();
        };
        // Runs a step that may fail; its error is shown, and the dialog stays.
        dialog.attempt = async (step) => {
            Object.assign(dialog, { isBusy: true, error: null });
            dialog.draw();
            try {
                await step();
            } catch (error) {
                dialog.error = error.message;
            }
            dialog.isBusy = false;
            dialog.draw();
        };
        element.addEventListener('close', () => { element.remove(); resolve(dialog.value); });
        dialog.draw();
        element.showModal();
    });
}

/** The buttons at the end of a dialog; `danger` marks what cannot be undone. */
export const buttons = (dialog, label, { danger = false, disabled = false, cancel = 'Cancel' } = {}) =>
    h('div', { class: 'buttons' },
        h('button', { type: 'button', onclick: () => dialog.close() }, cancel),
        h('button', { type: 'submit', class: danger ? 'danger' : 'primary', disabled: disabled || dialog.isBusy }, label));

/** A form that calls `step` and closes with `true`. */
export const form = (dialog, step, ...children) =>
    h('form', {
        onsubmit: (event) => {
            event.preventDefault();
            const fields = new FormData(event.target);
            dialog.attempt(async () => { await step(fields); dialog.close(true); });
        },
    }, ...children);

/** Asks whether to do something; answers true once it is done. */
export const confirm = (title, text, label, step, options = {}) =>
    ask(title, (dialog) => form(dialog, step, h('p', null, text), buttons(dialog, label, options)));
