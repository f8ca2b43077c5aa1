// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {documentType, safeName} from '../../src/web/uploads.js';

test('names become what the server takes', () => {
    assert.equal(safeName('Lease (final) – Müller.pdf'), 'Lease-final-Muller.pdf');
    assert.equal(safeName('../../etc/passwd'), 'etc-passwd');
    assert.equal(safeName('.pdf'), 'pdf');
    assert.equal(safeName('契約.pdf'), 'pdf');
    assert.equal(safeName('…'), 'document');
    for (const name of [`${'a'.repeat(300)}.tiff`, '-x.png', ' .. '])
        assert.match(safeName(name), /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
});

test('a file is what its first bytes say', () => {
    assert.deepEqual(documentType('a.txt', [0x25, 0x50, 0x44, 0x46], 9), {type: 'application/pdf'});
    assert.deepEqual(documentType('a.tif', [0x4d, 0x4d, 0x00, 0x2a], 9), {type: 'image/tiff'});
    assert.match(documentType('a.pdf', [0, 0, 0, 0], 9).why, /named as PDF/);
    assert.match(documentType('a.exe', [0x4d, 0x5a], 9).why, /Not a PDF/);
    assert.match(documentType('a.pdf', [], 0).why, /empty/);
    assert.match(documentType('a.pdf', [0x25, 0x50, 0x44, 0x46], 65 << 20).why, /64 MiB/);
});
