// Times: relative with the exact time on hover, or exact, in the zone of the browser or in UTC.

import { now } from './api.js';
import { h } from './dom.js';
import { duration } from './format.js';
import { setting } from './settings.js';

const utc = (date) => date.toISOString().replace('T', ' ').replace('Z', ' UTC');

const local = (date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().replace('T', ' ').replace('Z', '');

/** 2026-01-31 12:00:05.250, in the zone that was chosen. */
export function exact(iso) {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return String(iso);
    return setting('times') === 'UTC' ? utc(date) : local(date);
}

/** The exact time in both zones, for hovering. */
export function hint(iso) {
    const date = new Date(iso);
    return Number.isNaN(date.getTime()) ? String(iso) : `${local(date)} local\n${utc(date)}`;
}

/** Seconds since a time; negative for one to come. */
export const since = (iso) => (now() - Date.parse(iso)) / 1000;

/** In 5 min, 5 min ago. */
export function relative(iso) {
    const seconds = since(iso);
    if (Math.abs(seconds) < 1) return 'now';
    return seconds > 0 ? `${duration(Math.floor(seconds))} ago` : `in ${duration(Math.ceil(-seconds))}`;
}

/** A time as an element, relative or as `text` says it. */
export const when = (iso, text = relative(iso)) =>
    iso ? h('time', { datetime: iso, title: hint(iso) }, setting('times') === 'relative' ? text : exact(iso)) : '–';

/** The seconds between two times. */
export const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
