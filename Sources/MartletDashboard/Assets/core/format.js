// Numbers, sizes, durations and foreign text for people.

const grouped = new Intl.NumberFormat('en-US');

export const count = (value) => (value == null ? '–' : grouped.format(value));

export const plural = (value, one, many = one + 's') => `${count(value)} ${value === 1 ? one : many}`;

/** 1536 → 1.5 KiB. */
export function bytes(value) {
    if (value == null) return '–';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let rest = value;
    let unit = 0;
    while (rest >= 1000 && unit < units.length - 1) {
        rest /= 1024;
        unit += 1;
    }
    return `${unit && rest < 100 ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}`;
}

/** Seconds in at most two units: 4 h 12 min. */
export function duration(seconds) {
    if (seconds == null || !Number.isFinite(seconds)) return '–';
    const value = Math.max(0, seconds);
    if (value < 0.001) return value ? '<1 ms' : '0 s';
    if (value < 1) return `${Math.round(value * 1000)} ms`;
    if (value < 10) return `${Number.isInteger(value) ? value : value.toFixed(1)} s`;
    const [days, hours, minutes] = [Math.floor(value / 86_400), Math.floor(value / 3600), Math.floor(value / 60)];
    if (days) return two(days, 'd', hours % 24, 'h');
    if (hours) return two(hours, 'h', minutes % 60, 'min');
    return minutes ? two(minutes, 'min', Math.floor(value % 60), 's') : `${Math.floor(value)} s`;
}

const two = (most, unit, rest, small) => `${most} ${unit}` + (rest ? ` ${rest} ${small}` : '');

/** A rate for each second; slow ones for each minute. */
export function rate(perSecond) {
    if (perSecond == null) return '–';
    if (perSecond === 0) return '0/s';
    if (perSecond < 0.1) return `${(perSecond * 60).toFixed(1)}/min`;
    return `${perSecond < 10 ? perSecond.toFixed(1) : count(Math.round(perSecond))}/s`;
}

export const percent = (part, whole) => (whole > 0 ? Math.floor((part / whole) * 1000) / 10 : 0);

// Control characters, and marks that turn the direction of text around or hide.
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Foreign text with all that cannot be seen spelled out. */
export const visible = (text) =>
    String(text ?? '').replace(unsafe, (mark) => '\\u' + mark.charCodeAt(0).toString(16).padStart(4, '0'));

/** The first characters of a long text. */
export const short = (text, limit) => (text.length > limit ? text.slice(0, limit - 1) + '…' : text);
