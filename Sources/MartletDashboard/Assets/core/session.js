// Who uses the page, and what the program knows of jobs: read once when the page opens.

import { get, post, remove } from './api.js';

export const session = { caller: null, facts: { version: '', states: [], durabilities: [], download_concurrency: [1, 1] } };

/** Reads the facts of the program and the caller; a caller without a valid token is none. */
export async function open() {
    const [caller] = await Promise.all([get('session'), readFacts()]);
    session.caller = caller;
}

async function readFacts() {
    const facts = await fetch('facts.json');
    if (facts.ok) session.facts = await facts.json();
}

export async function signIn(token) {
    session.caller = await post('session', { token });
}

export async function signOut() {
    await remove('session');
    session.caller = null;
}

/** Whether the caller has one of the roles. */
export const can = (...roles) => (session.caller?.roles ?? []).some((role) => role === 'admin' || roles.includes(role));

/** Why something that needs a role is not possible; null when it is. */
export const needs = (role, what) => (can(role) ? null : `Your token has no role that may ${what} (${role}).`);

/** The states whose jobs an index holds, as a filter. */
export const statesOf = (index) =>
    session.facts.states.filter((facts) => facts.index === index).map((facts) => facts.state).join(',');
