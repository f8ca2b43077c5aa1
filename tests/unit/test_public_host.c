// SPDX-License-Identifier: Apache-2.0
#include "net/public_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/un.h>

/* Of the address, and of the host as a URL has it. */
static bool both(const char *text) {
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    char host[64] = "[";
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        assert_int_equal(public_host_name(text), public_host_address((const struct sockaddr *)&four));
        return public_host_name(text);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
    strcat(strcat(host, text), "]");
    assert_int_equal(public_host_name(host), public_host_address((const struct sockaddr *)&six));
    return public_host_name(host);
}

static void addresses(void **state) {
    static const char *const outside[] = {"8.8.8.8",   "172.15.255.255", "172.32.0.0",       "100.63.255.255",  "100.128.0.0",  "169.253.0.1",
                                          "192.0.1.0", "192.0.3.1",      "198.17.255.255",   "223.255.255.255", "2606:4700::1", "2001:4860::1",
                                          "2a00::1",   "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "3ffe::1",      "2001:200::1"};
    static const char *const inside[] = {"0.0.0.0",
                                         "10.255.255.255",
                                         "100.64.0.0",
                                         "100.127.255.255",
                                         "127.0.0.1",
                                         "127.255.255.255",
                                         "169.254.169.254",
                                         "172.16.0.0",
                                         "172.31.255.255",
                                         "192.0.0.8",
                                         "192.0.2.1",
                                         "192.168.0.1",
                                         "198.18.0.1",
                                         "198.19.255.255",
                                         "198.51.100.1",
                                         "203.0.113.1",
                                         "224.0.0.1",
                                         "240.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "fe80::1",
                                         "fec0::1",
                                         "fc00::1",
                                         "fd12::1",
                                         "ff02::1",
                                         "::ffff:127.0.0.1",
                                         "::ffff:10.0.0.1",
                                         "::127.0.0.1",
                                         "64:ff9b::7f00:1",
                                         "64:ff9b:1::1",
                                         "2002:7f00:1::1",
                                         "2002:a00:1::1",
                                         "2001::1",
                                         "2001:db8::1",
                                         "3fff::1",
                                         "100::1",
                                         "4000::1"};
    (void)state;
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (!both(outside[i]))
            fail_msg("%s is private", outside[i]);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (both(inside[i]))
            fail_msg("%s is public", inside[i]);
    const struct sockaddr_un path = {.sun_family = AF_UNIX};
    assert_false(public_host_address((const struct sockaddr *)&path));
    assert_false(public_host_name("[::1%lo]"));
    assert_false(public_host_name("[nonsense]"));
}

static void names(void **state) {
    (void)state;
    assert_true(public_host_name("example.com"));
    assert_true(public_host_name("localhost.example.com"));
    assert_true(public_host_name("notlocal"));
    assert_false(public_host_name("localhost"));
    assert_false(public_host_name("169.254.169.254."));
    assert_false(public_host_name("10.1.0x7f"));
    assert_false(public_host_name("localhost."));
    assert_false(public_host_name("a.localhost"));
    assert_false(public_host_name("printer.local."));
    assert_false(public_host_name("metadata.google.internal"));
    assert_false(public_host_name("router.home.arpa"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
