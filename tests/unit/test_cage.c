/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/defs.h"

/* The cage from inside: cage_attack.c tries each way out. */

enum { OUT = 0, HELD = 10 };

/* Its exit status, or minus the signal that ended it. */
static int attack(const char *fence, const char *way)
{
	char *arguments[] = {
		(char *)"cage_attack", (char *)(uintptr_t)fence, (char *)(uintptr_t)way, NULL};
	char *no_environment[] = {NULL}, file[] = "/tmp/test_cage.XXXXXX";
	posix_spawn_file_actions_t actions;
	int fd = mkstemp(file), status;
	pid_t pid;

	assert_true(fd >= 0);
	(void)unlink(file);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, 2);
	assert_int_equal(
		posix_spawn(&pid, getenv("CAGE_ATTACK"), &actions, NULL, arguments, no_environment),
		0);
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void ends(const char *fence, const char *way, int wanted)
{
	int how = attack(fence, way);

	if (how != wanted)
		fail_msg("%s through %s: %d, not %d", way, fence, how, wanted);
}

static void test_killed_for_trying(void **state)
{
	static const char *const ways[] = {"read-file", "write-file", "make-folder", "remove-file",
		"internet", "local-socket", "connect", "send-descriptor", "child", "program",
		"trace", "signal-parent", "read-parent", "code-in-memory", "make-executable",
		"file-in-memory", "terminal", "more-memory", "become-root", "be-traced",
		"new-namespace", "io-uring", "other-architecture", "duplicate"};

	for (size_t i = 0; i < countof(ways); i++)
		ends("all", ways[i], -SIGSYS);
}

static void test_held(void **state)
{
	ends("all", "clone3", HELD); /* is told that there is none */
	ends("all", "take-memory", HELD);
	ends("all", "grow-file", -SIGXFSZ);
	ends("all", "thread", HELD);
}

static void test_ceilings_alone(void **state)
{
	ends("ceilings", "read-file", HELD); /* no descriptor is left for it */
	ends("ceilings", "internet", HELD);
	ends("ceilings", "take-memory", HELD);
	ends("ceilings", "duplicate", HELD);
	ends("ceilings", "grow-file", -SIGXFSZ);
	ends("ceilings", "become-root", HELD);
}

static void test_landlock_alone(void **state)
{
	if (attack("landlock", "thread") != HELD) { /* this kernel has none */
		skip();
		return;
	}
	ends("landlock", "read-file", HELD);
	ends("landlock", "write-file", HELD);
	ends("landlock", "make-folder", HELD);
	ends("landlock", "program", HELD);
}

/* Without a cage the ways are open: the attacks are ones. */
static void test_attacks_work(void **state)
{
	static const char *const ways[] = {"read-file", "internet", "local-socket", "child",
		"signal-parent", "code-in-memory", "make-executable", "file-in-memory", "be-traced",
		"take-memory", "grow-file", "duplicate", "clone3"};

	for (size_t i = 0; i < countof(ways); i++)
		ends("none", ways[i], OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_for_trying),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_ceilings_alone),
		cmocka_unit_test(test_landlock_alone),
		cmocka_unit_test(test_attacks_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
