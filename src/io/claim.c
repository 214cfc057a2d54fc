/* SPDX-License-Identifier: Apache-2.0 */
#include "io/claim.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/defs.h"

/*
 * An abstract socket name: it cannot be left behind by a process that was
 * killed, and needs no folder that all users can write to.
 */
int claim_secret(const char *secret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char *name = address.sun_path + 1;
	size_t n = 0, room = sizeof(address.sun_path) - 1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	SHA256((const unsigned char *)secret, strlen(secret), hash);
	n += (size_t)snprintf(name, room, "fullet-");
	for (size_t i = 0; i < 12; i++)
		n += (size_t)snprintf(name + n, room - n, "%02x", hash[i]);
	if (bind(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) < 0)
		r = errno == EADDRINUSE ? -EBUSY : -errno;
	if (r < 0)
		close(fd); /* else it is kept until the process ends */
	return r;
}
