// SPDX-License-Identifier: Apache-2.0
/* A list of web addresses as people paste it, cleaned and checked. No DOM here; tests/web/urllist.test.mjs runs it. */

export const URLS_MAX = 10000;
export const LIST_BYTES_MAX = 4 << 20;
const URL_CHARACTERS_MAX = 2048;

/* Addresses of a line: blanks, semicolons and commas part them; a comma inside an address stays where no blank or address follows it. */
function partsOf(line) {
    return line.split(/[\s;]+|,(?=\s|$|https?:\/\/)/i).map((part) => part.replace(/^[<("'[]+|[>)"'\],]+$/g, '')).filter(Boolean);
}

/* -> {url} or {why} */
export function cleanUrl(text) {
    if (text.length > URL_CHARACTERS_MAX)
        return {why: `longer than ${URL_CHARACTERS_MAX} characters`};
    const scheme = /^([a-z][a-z0-9+.-]*):(?!\d)/i.exec(text)?.[1]?.toLowerCase();
    if (scheme && scheme !== 'http' && scheme !== 'https')
        return {why: `${scheme}: is not a web page`};
    if (scheme && !/^https?:\/\/[^/]/i.test(text))
        return {why: 'no host after the scheme'};
    let url;
    try {
        url = new URL(scheme ? text : `https://${text.replace(/^\/\//, "")}`);
    } catch {
        return {why: 'not a web address'};
    }
    if (url.username || url.password)
        return {why: 'has a name or password in it'};
    const isNumber = /^\[.*\]$|^\d+(\.\d+){3}$/.test(url.hostname) && text.toLowerCase().includes(url.hostname);
    if (!isNumber && url.hostname !== 'localhost' && (/^[\d.]+$/.test(url.hostname) || !/^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]\.?$/.test(url.hostname)))
        return {why: url.hostname.includes('.') ? "not a host's name" : "no dot in the host's name"};
    if (/[\u0000-\u0020\u007f\u202a-\u202e\u2066-\u2069]/.test(text))
        return {why: 'has characters that cannot be seen'};
    const path = url.search || url.hash ? url.pathname.replace(/^\/$/, '') : url.pathname.replace(/\/+$/, '');
    return {url: `${url.protocol}//${url.host}${path}${url.search}${url.hash}`};
}

/* -> {urls: [text], bad: [{line, text, why}], duplicates: [{line, url, first}], changed, cut}. A line that begins with # is a remark. */
export function cleanUrls(text) {
    const first = new Map(), bad = [], duplicates = [];
    let changed = 0, cut = 0;
    for (const [at, line] of text.split(/\r\n|\r|\n/).entries()) {
        if (/^\s*#/.test(line))
            continue;
        const parts = partsOf(line), results = parts.map(cleanUrl);
        if (parts.length > 1 && results.every((cleaned) => cleaned.why)) { /* a sentence: told once */
            bad.push({line: at + 1, text: line.trim().slice(0, 200), why: 'no web address in this line'});
            continue;
        }
        for (const [i, part] of parts.entries()) {
            const cleaned = results[i];
            if (cleaned.why)
                bad.push({line: at + 1, text: part.length > 200 ? `${part.slice(0, 199)}…` : part, why: cleaned.why});
            else if (first.has(cleaned.url))
                duplicates.push({line: at + 1, url: cleaned.url, first: first.get(cleaned.url)});
            else if (first.size >= URLS_MAX)
                cut++;
            else {
                first.set(cleaned.url, at + 1);
                changed += cleaned.url !== part;
            }
        }
    }
    return {urls: [...first.keys()], bad, duplicates, changed, cut};
}

export function testCount(urls, strategies) {
    return urls.length * strategies.length;
}
