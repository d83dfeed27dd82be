// Login: a token is entered once; the browser keeps it where no script can read it.

import { signIn } from '../core/session.js';
import { attempts, fault, field, form } from '../parts/dialog.js';
import { h } from '../parts/pieces.js';

let state = null;

/** The form; `done` is called with a valid token, `redraw` after each change. */
export function login({ done, redraw }) {
    state ??= Object.assign(attempts(redraw), { close: done });
    return h('main', { class: 'login', id: 'main' },
        h('h1', null, 'Martlet'),
        h('p', null, 'This server needs a token. Its administrator makes one with ', h('code', null, 'martlet token'), '.'),
        form(state, enter,
            h('input', { type: 'text', name: 'user', autocomplete: 'username', initial: 'martlet', hidden: true, readonly: true }),
            field('Token', 'token', {
                type: 'password', autocomplete: 'current-password', required: true, mounted: (node) => node.focus(),
            }),
            fault(state),
            h('button', { type: 'submit', class: 'primary', disabled: state.isBusy }, 'Log in')));
}

async function enter(fields) {
    const input = document.querySelector('input[name=token]');
    input.value = '';
    try {
        await signIn(fields.get('token').trim());
    } catch (error) {
        input.focus();
        throw error.status === 401 ? new Error('The server does not know this token, or it has expired.') : error;
    }
}
