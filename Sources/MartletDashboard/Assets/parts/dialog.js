// Dialogs: a question or a form above the page. The browser keeps the focus inside and gives it back.

import { h, render } from '../core/dom.js';
import { button } from './pieces.js';

let sequence = 0;

/** Shows a dialog; `view(dialog)` describes its content, and `dialog.close(value)` ends the promise with a value. */
export function ask(title, view, { wide = false } = {}) {
    const element = document.createElement('dialog');
    const id = `dialog-${(sequence += 1)}`;
    element.setAttribute('aria-labelledby', id);
    element.className = wide ? 'wide' : '';
    document.body.append(element);
    return new Promise((resolve) => {
        const dialog = attempts(() => render(element, [h('h2', { id }, title), view(dialog), fault(dialog)]));
        dialog.close = (value) => {
            dialog.value = value;
            element.close();
        };
        element.addEventListener('close', () => { element.remove(); resolve(dialog.value); });
        dialog.draw();
        element.showModal();
    });
}

/** What a form needs: `attempt` runs a step that may fail, and keeps its error; `draw` is called after each change. */
export function attempts(draw) {
    const state = { draw, error: null, isBusy: false };
    state.attempt = async (step) => {
        Object.assign(state, { isBusy: true, error: null });
        draw();
        try {
            await step();
        } catch (error) {
            state.error = error.message;
        }
        state.isBusy = false;
        draw();
    };
    return state;
}

/** The error of the last step. */
export const fault = ({ error }) => error && h('p', { class: 'problem', role: 'alert' }, error);

/** The buttons at the end of a dialog; `danger` marks what cannot be undone. */
export const buttons = (dialog, label, { danger = false, disabled = false, cancel = 'Cancel' } = {}) =>
    h('div', { class: 'buttons' },
        button(cancel, () => dialog.close()),
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

/** A field of a form with its label. */
export const field = (label, name, properties) => h('label', null, label, h('input', { name, ...properties }));

/** The field of a priority. */
export const priorityField = (initial, properties) => field('Priority, a larger number runs first', 'priority',
    { type: 'number', min: -1000, max: 1000, step: 1, required: true, initial, ...properties });

/** Asks whether to do something, with a text or with fields; answers true once it is done. */
export const confirm = (title, content, label, step, options = {}) => ask(title, (dialog) =>
    form(dialog, step, typeof content === 'string' ? h('p', null, content) : content, buttons(dialog, label, options)), options);
