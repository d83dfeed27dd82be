// What a person has chosen, kept in the browser: theme, how times are shown, keys.

const defaults = { theme: 'auto', times: 'relative', keys: 'on' };
const chosen = { ...defaults };
for (const name of Object.keys(defaults)) {
    try {
        chosen[name] = localStorage.getItem('martlet.' + name) ?? defaults[name];
    } catch { /* a browser without storage has the defaults */ }
}

export const setting = (name) => chosen[name];

export function choose(name, value) {
    chosen[name] = value;
    try {
        localStorage.setItem('martlet.' + name, value);
    } catch { /* it holds until the page is closed */ }
    if (name === 'theme') {
        if (value === 'auto') delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = value;
    }
}

/** Chooses the next of `values`. */
export const cycle = (name, values) => choose(name, values[(values.indexOf(chosen[name]) + 1) % values.length]);
