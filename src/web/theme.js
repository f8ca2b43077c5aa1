// SPDX-License-Identifier: Apache-2.0
// Before anything is painted: the theme that was chosen here (none: the system's).
try {
    const theme = localStorage.getItem('theme');
    if (theme === 'dark' || theme === 'light')
        document.documentElement.dataset.theme = theme;
} catch { /* storage is forbidden: the system's */ }
