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
socklen_t claim_address(const char *secret, struct sockaddr_un *ret)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char *name = ret->sun_path + 1;
	size_t n = 0, room = sizeof(ret->sun_path) - 1;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	SHA256((const unsigned char *)secret, strlen(secret), hash);
	n += (size_t)snprintf(name, room, "fullet-");
	for (size_t i = 0; i < 12; i++)
		n += (size_t)snprintf(name + n, room - n, "%02x", hash[i]);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

int claim_secret(const char *secret)
{
	struct sockaddr_un address;
	socklen_t len = claim_address(secret, &address);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, len) == 0)
		return fd;
	r = errno == EADDRINUSE ? -EBUSY : -errno;
	close(fd);
	return r;
}
