// SPDX-License-Identifier: Apache-2.0
#include "net/public_host.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static bool is_public_v4(uint32_t address) {
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24},
                {0xc0000200, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 3}};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        if ((address ^ nets[i].net) >> (32 - nets[i].bits) == 0)
            return false;
    return true;
}

static uint32_t v4_at(const unsigned char *a) {
    return (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
}

/* Public addresses are 2000::/3; of those 2001::/23 is for protocols (Teredo too), 2001:db8::/32 and 3fff::/20 are for examples. */
static bool is_public_v6(const unsigned char a[16]) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, translated[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, translated, sizeof translated) == 0)
        return is_public_v4(v4_at(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02)
        return is_public_v4(v4_at(a + 2));
    const bool protocols = a[0] == 0x20 && a[1] == 0x01 && a[2] < 2;
    const bool examples = (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) || (a[0] == 0x3f && a[1] == 0xff && a[2] < 0x10);
    return (a[0] & 0xe0) == 0x20 && !protocols && !examples;
}

bool public_host_address(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return is_public_v4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    return address->sa_family == AF_INET6 && is_public_v6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
}

/* Browsers take a name whose last label is a number for an address (https://url.spec.whatwg.org/#ends-in-a-number-checker): "169.254.169.254." is one. */
static bool ends_in_number(const char *name) {
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    const bool hex = strncasecmp(last, "0x", 2) == 0;
    return *last && strspn(last + (hex ? 2 : 0), hex ? "0123456789abcdefABCDEF" : "0123456789") == strlen(last) - (hex ? 2 : 0);
}

static bool is_private_name(const char *host) {
    static const char *const names[] = {"localhost", ".localhost", ".local", ".internal", ".home.arpa"};
    size_t length = strlen(host);
    char name[256];
    if (!str_copy(name, sizeof name, host))
        return false;
    if (length && name[length - 1] == '.')
        name[length - 1] = '\0';
    if (ends_in_number(name))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0 || (*names[i] == '.' && str_ends(name, names[i])))
            return true;
    return false;
}

bool public_host_name(const char *host) {
    unsigned char six[16];
    struct in_addr four;
    char name[INET6_ADDRSTRLEN];
    const size_t length = strlen(host);
    if (*host == '[' && length > 2 && length < sizeof name + 2) {
        memcpy(name, host + 1, length - 2);
        name[length - 2] = '\0';
        name[strcspn(name, "%]")] = '\0';
        return inet_pton(AF_INET6, name, six) == 1 && is_public_v6(six);
    }
    return inet_pton(AF_INET, host, &four) == 1 ? is_public_v4(ntohl(four.s_addr)) : !is_private_name(host);
}
