// Login: a token is entered once; the browser keeps it where no script can read it.

import { h } from '../core/dom.js';
import { signIn } from '../core/session.js';

const state = { error: null, isBusy: false };

/** The form; `done` is called with a valid token, `redraw` after each change. */
export function login({ done, redraw }) {
    const submit = async (event) => {
        event.preventDefault();
        const token = new FormData(event.target).get('token').trim();
        Object.assign(state, { isBusy: true, error: null });
        redraw();
        try {
            await signIn(token);
            event.target.reset();
            state.isBusy = false;
            return done();
        } catch (error) {
            event.target.reset();
            event.target.elements.token.focus();
            state.error = error.status === 401 ? 'The server does not know this token, or it has expired.' : error.message;
        }
        state.isBusy = false;
        redraw();
    };
    return h('main', { class: 'login', id: 'main' },
        h('h1', null, 'Martlet'),
        h('p', null, 'This server needs a token. Its administrator makes one with ', h('code', null, 'martlet token'), '.'),
        h('form', { onsubmit: submit },
            h('input', { type: 'text', name: 'user', autocomplete: 'username', initial: 'martlet', hidden: true, readonly: true }),
            h('label', null, 'Token', h('input', {
                name: 'token', type: 'password', autocomplete: 'current-password', required: true,
                mounted: (node) => node.focus(),
            })),
            state.error && h('p', { class: 'problem', role: 'alert' }, state.error),
            h('button', { type: 'submit', class: 'primary', disabled: state.isBusy }, 'Log in')));
}
