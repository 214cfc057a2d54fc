/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "store/database_url.h"

static struct database_url taken(const char *text)
{
	struct database_url url = {0};
	char *why = NULL;

	if (database_url_parse(text, &url, &why) < 0)
		fail_msg("%s: %s", text, why);
	assert_null(why);
	return url;
}

static void refused(const char *text, const char *part)
{
	struct database_url url = {0};
	char *why = NULL;

	if (database_url_parse(text, &url, &why) == 0)
		fail_msg("%s was taken", text);
	if (!strstr(why, part))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, why, part);
	/* All passwords in this file have this in them. */
	if (strstr(why, "ecret"))
		fail_msg("\"%s\" tells the password", why);
	free(why);
}

static void is_postgres(const char *text, const char *uri, const char *shown)
{
	struct database_url url = taken(text);

	assert_int_equal(url.dialect, SQL_DIALECT_POSTGRES);
	assert_string_equal(url.uri, uri);
	assert_string_equal(url.shown, shown);
	database_url_free(&url);
}

static void test_postgres(void **state)
{
	is_postgres("postgres://bot:secret@db.example:5433/fullet?sslmode=require",
		"postgresql://bot:secret@db.example:5433/fullet?sslmode=require",
		"postgresql://bot@db.example:5433/fullet");
	is_postgres("postgresql+psycopg2://bot:secret@db/fullet",
		"postgresql://bot:secret@db/fullet", "postgresql://bot@db/fullet");
	is_postgres("PostgreSQL+asyncpg://db/fullet", "postgresql://db/fullet",
		"postgresql://db/fullet");
	is_postgres("postgresql:///fullet?host=/run/a%20b&port=5433&user=u&password=secret",
		"postgresql:///fullet?host=/run/a%20b&port=5433&user=u&password=secret",
		"postgresql:///run/a b/fullet");
	is_postgres("postgresql://u@[2001:db8::1]:5432,b:5433/d?target_session_attrs=read-write",
		"postgresql://u@[2001:db8::1]:5432,b:5433/d?target_session_attrs=read-write",
		"postgresql://u@[2001:db8::1]:5432,b:5433/d");
	is_postgres("postgresql://", "postgresql://", "postgresql:///");
}

static void test_mysql(void **state)
{
	struct database_url url = taken("mysql+pymysql://b%40t:s%2Fecret%25@[2001:db8::2]:3307/"
					"full%20et?ssl-mode=verify_identity&ssl_ca=/a%20b.pem&"
					"ssl-cert=c&ssl-key=k&charset=utf8mb4&connect_timeout=7&"
					"unix_socket=/run/m.sock");

	assert_int_equal(url.dialect, SQL_DIALECT_MYSQL);
	assert_string_equal(url.user, "b@t");
	assert_string_equal(url.password, "s/ecret%");
	assert_string_equal(url.host, "2001:db8::2");
	assert_int_equal(url.port, 3307);
	assert_string_equal(url.database, "full et");
	assert_int_equal(url.ssl, SSL_VERIFY_IDENTITY);
	assert_string_equal(url.ssl_ca, "/a b.pem");
	assert_string_equal(url.ssl_cert, "c");
	assert_string_equal(url.ssl_key, "k");
	assert_int_equal(url.connect_timeout_s, 7);
	assert_string_equal(url.socket, "/run/m.sock");
	assert_string_equal(url.shown, "mysql://b@t@/run/m.sock/full et");
	database_url_free(&url);
	url = taken("mariadb://localhost/fullet");
	assert_int_equal(url.ssl, SSL_PREFERRED);
	assert_int_equal(url.port, 3306);
	assert_string_equal(url.password, "");
	assert_string_equal(url.shown, "mysql://localhost/fullet");
	database_url_free(&url);
}

static void is_file(const char *text, const char *path)
{
	struct database_url url = taken(text);

	assert_int_equal(url.dialect, SQL_DIALECT_SQLITE);
	assert_string_equal(url.path, path);
	assert_string_equal(url.shown, path);
	database_url_free(&url);
}

static void test_sqlite(void **state)
{
	is_file("sqlite:///database/bot_data.db", "database/bot_data.db");
	is_file("sqlite+aiosqlite:////srv/a%20b.db", "/srv/a b.db");
	is_file("database/bot_data.db", "database/bot_data.db");
	is_file(":memory:", ":memory:");
}

static void test_refused(void **state)
{
	refused("oracle://bot:secret@db/fullet", "it must begin like");
	refused("postgresqlx://db/fullet", "it must begin like");
	refused("postgresql://bot:se@ecret@db/fullet", "%40");
	refused("postgresql://bot:se/ecret@db/fullet", "%2F");
	refused("postgresql://bot:ecret/x", "%2F");
	refused("postgresql://bot:1?ecret@db/fullet", "name=value");
	refused("mysql://bot:1?ecret@db/fullet", "name=value");
	refused("mysql://bot:ecret/fullet", "%2F");
	refused("postgresql://bot:s%ecret@db/fullet", "hexadecimal");
	refused("mysql://bot:s%0aecret@db/fullet", "hexadecimal");
	refused("mysql://bot:s ecret@db/fullet", "%20");
	refused("postgresql://db:70000/x", "host and port");
	refused("postgresql://[::1/x", "host and port");
	refused("postgresql://db/x?sslmod=require", "did you mean sslmode?");
	refused("postgresql://db/x?secretx=1", "does not have");
	refused("mysql://bot:secret@db/x?ssl-mod=REQUIRED", "did you mean ssl-mode?");
	refused("mysql://bot:secret@db/x?ssl-mode=maybe", "ssl-mode must be one of");
	refused("mysql://bot:secret@db/x?ssl-mode=VERIFY_CA", "needs ssl-ca");
	refused("mysql://bot:secret@db/x?charset=latin1", "utf8mb4");
	refused("mysql://bot:secret@db/x?connect_timeout=0", "1 to 300");
	refused("mysql://bot:secret@db/", "names no database");
	refused("mysql://bot:secret@a,b/x", "host and port");
	refused("sqlite://", "names no file");
	refused("sqlite:///:memory:", "names no file");
	refused("sqlite://folder/file.db", "three slashes");
	refused("sqlite:///f.db?mode=ro", "no parameters");
}

static void test_scrub(void **state)
{
	struct database_url url = taken("postgresql://bot:p%40ssword@db/x?sslpassword=keyword");
	char *text = database_url_scrub(&url, "no p@ssword, nor p%40ssword\nnor keyword\n");

	assert_string_equal(text, "no ***, nor *** nor ***");
	free(text);
	database_url_free(&url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_postgres),
		cmocka_unit_test(test_mysql),
		cmocka_unit_test(test_sqlite),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_scrub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
