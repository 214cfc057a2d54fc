/* SPDX-License-Identifier: Apache-2.0 */
#include "io/trust.h"

#include <dirent.h>
#include <openssl/x509.h>
#include <stdlib.h>

const char *trust_file(void)
{
	return getenv(X509_get_default_cert_file_env());
}

const char *trust_folder(void)
{
	const char *path = getenv(X509_get_default_cert_dir_env());
	bool hashed = false;
	struct dirent *entry;
	DIR *dir;

	if (trust_file())
		return NULL;
	if (!path)
		path = X509_get_default_cert_dir();
	dir = opendir(path);
	if (!dir)
		return NULL;
	while (!hashed && (entry = readdir(dir)))
		hashed = strlen(entry->d_name) == 10 && str_ends(entry->d_name, ".0");
	closedir(dir);
	return hashed ? path : NULL;
}
