/* SPDX-License-Identifier: Apache-2.0 */
#include "cleaner/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

/* Debian's "nobody" and "nogroup"; whoever runs other things as nobody is out of reach anyway. */
#define NOBODY 65534

static void close_inherited(void)
{
	if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0)
		return;
	for (int fd = 3; fd < 4096; fd++) /* Linux before 5.9 */
		close(fd);
}

/* In a container root may lack the right to become somebody else: it is without rights then. */
static int drop_privileges(struct wire_hello *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
				      setresuid(NOBODY, NOBODY, NOBODY) < 0))
		ret->privileged = true;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static void volunteer_for_memory(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "1000", 4);
	close(fd);
}

int cage_enter(struct wire_hello *ret)
{
	int r;

	close_inherited();
	if (clearenv() != 0 || chdir("/") < 0)
		return -EINVAL;
	volunteer_for_memory();
	r = drop_privileges(ret);
	if (r < 0)
		return r;
	/* After the change of the user, which forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int set_ceilings(void)
{
	static const struct {
		int what;
		rlim_t value;
	} ceilings[] = {
		{RLIMIT_AS, CLEAN_MEMORY_MAX},
		{RLIMIT_CPU, CLEAN_CPU_ALL_S + CLEAN_CPU_S},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NOFILE, 0}, /* those that are open stay so */
		{RLIMIT_CORE, 0},
		{RLIMIT_MEMLOCK, 0},
		{RLIMIT_MSGQUEUE, 0},
	};

	for (size_t i = 0; i < countof(ceilings); i++) {
		struct rlimit limit = {ceilings[i].value, ceilings[i].value};

		/* At the lower one comes SIGXCPU, which tells why it died; SIGKILL would not. */
		if (ceilings[i].what == RLIMIT_CPU)
			limit.rlim_max += 2;
		if (setrlimit(ceilings[i].what, &limit) < 0)
			return -errno;
	}
	return 0;
}

/*
 * Landlock's own header may be older than the kernel. A ruleset without rules forbids all it
 * names: opening, making, running files (each ABI knows more rights), TCP from ABI 4 on, abstract
 * sockets and signals to others from 6 on. The kernel accepts a shorter struct from an older
 * caller.
 */
static int close_landlock(struct wire_hello *ret)
{
	static const int fs_rights[] = {0, 13, 14, 15, 15, 16};
	struct {
		uint64_t fs, net, scoped;
	} rules = {0};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* ask for the version */);
	size_t size = sizeof(uint64_t) * (abi >= 6 ? 3 : abi >= 4 ? 2 : 1);
	int r = 0, fd;

	if (abi <= 0) {
		ret->landlock = 0; /* the kernel has none, or it is turned off */
		return 0;
	}
	rules.fs = (UINT64_C(1) << fs_rights[min_of(abi, 5L)]) - 1;
	rules.net = abi >= 4 ? 3 : 0;
	rules.scoped = abi >= 6 ? 3 : 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	close(fd);
	if (r == 0)
		ret->landlock = (int)abi;
	return r;
}

/* What decoding needs: memory, its own threads, reading and writing what is open. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
};

static int add_rules(scmp_filter_ctx filter)
{
	const scmp_datum_t thread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
	int r = 0;

	for (size_t i = 0; i < countof(allowed) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory, but never memory that can be run. */
	r = r ? r
	      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	r = r ? r
	      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* HEIC and AVIF are decoded in threads. clone3 hides its flags in memory: the library falls
	 * back to clone when there is none. */
	r = r ? r
	      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
	/* They give themselves names. */
	r = r ? r
	      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	r = r ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

static int close_seccomp(struct wire_hello *ret)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	/* For threads that a library may have left behind, too. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	r = r ? r : add_rules(filter);
	r = r ? r : seccomp_load(filter);
	seccomp_release(filter);
	ret->seccomp = r == 0;
	return r;
}

int cage_close(struct wire_hello *ret)
{
	int r = close_landlock(ret);

	r = r ? r : set_ceilings();
	return r ? r : close_seccomp(ret);
}
