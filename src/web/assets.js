// SPDX-License-Identifier: Apache-2.0
/* What only some pages need is loaded when the first of them is drawn. */
const loaded = new Map();

/* A style sheet of ours; resolves when it holds (or cannot be had: a page without its form is better than none). */
export function styles(href) {
    if (!loaded.has(href))
        loaded.set(href, new Promise((resolve) => {
            const link = document.createElement('link');
            link.rel = 'stylesheet';
            link.onload = link.onerror = () => resolve();
            link.href = href;
            document.head.append(link);
        }));
    return loaded.get(href);
}

export async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch { /* not allowed, or no secure origin: the old way */ }
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'hidden';
    document.body.append(area);
    area.select();
    const good = document.execCommand('copy');
    area.remove();
    return good;
}

/* A file made here, to be kept by the reader. */
export function saveText(name, text, type = 'text/plain') {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], {type}));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
