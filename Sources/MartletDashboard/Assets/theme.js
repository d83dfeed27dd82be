// Sets the chosen theme before the first paint, so that the page does not flash in the other one.
(() => {
    let theme = null;
    try {
        theme = localStorage.getItem('martlet.theme');
    } catch { /* a browser without storage has the theme of the system */ }
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
