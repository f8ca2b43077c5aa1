// SPDX-License-Identifier: Apache-2.0
#ifndef NET_PUBLIC_HOST_H
#define NET_PUBLIC_HOST_H

#include <stdbool.h>
#include <sys/socket.h>

/* What belongs to everybody, and what to this machine or a private network (RFC 6890). What cannot be read is not public. */

/* An IPv4 or IPv6 address that is for the public; forms that carry an IPv4 address within (mapped, NAT64, 6to4) are as good as that is. */
bool public_host_address(const struct sockaddr *address);
/* A host as it stands in a URL, in lower case: an address, "[...]" too, or a name; not public are localhost and names that end with .localhost, .local,
 * .internal or .home.arpa. A public name may lead to a private address all the same. */
bool public_host_name(const char *host);

#endif
