# SPDX-License-Identifier: Apache-2.0
import json
import multiprocessing
import os
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

import databases  # noqa: E402
import harness  # noqa: E402


def pytest_configure(config):
    if not os.access(harness.FULLET, os.X_OK):
        pytest.exit(f"there is no program {harness.FULLET}: build it, or set FULLET_BIN", 2)


SERVERS = {}  # one of a kind for all tests that do not stop it


@pytest.fixture(params=list(databases.KINDS))
def database(request):
    """A fresh database on a server that others use too: its URL."""
    kind = request.param
    if kind not in SERVERS:
        SERVERS[kind] = databases.KINDS[kind]()
        request.session.addfinalizer(lambda: SERVERS.pop(kind).close())
    name = f"fullet_{os.getpid()}_{time.monotonic_ns()}"
    SERVERS[kind].create(name)
    return SERVERS[kind].url(name)


@pytest.fixture
def lab(tmp_path, request):
    yield from make_lab(tmp_path, request)


def make_lab(tmp_path, request, database=None):
    lab = harness.Lab(tmp_path)
    lab.database_url = database
    lab.secrets |= {databases.PASSWORD, databases.PASSWORD_ENCODED}
    request.node.lab = lab
    yield lab
    try:
        failed = getattr(request.node, "failed_call", False)
        if not failed:
            lab.finish()
    except BaseException:
        request.node.lab_report = lab.report()
        raise
    finally:
        lab.clean_up()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    if report.when == "call":
        item.failed_call = True
    lab = getattr(item, "lab", None)
    if lab:
        report.sections.append(("what happened", getattr(item, "lab_report", None) or lab.report()))
    report.sections.append(("to repeat it", harness.repeat_command(item.nodeid)))


# ---- several at once: the tests wait much more than they work ----


def jobs():
    return int(os.environ.get("E2E_JOBS", 2 * (os.cpu_count() or 1)))


class Forwarder:
    """In a worker: sends what is reported to the parent."""

    def __init__(self, config, pipe):
        self.config = config
        self.pipe = pipe

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.pipe.send_bytes(json.dumps(data).encode())


def work(session, counter, pipe):
    """Takes one test after the other until none is left."""
    config = session.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for plugin in list(config.pluginmanager.get_plugins()):
        if plugin is reporter or type(plugin).__name__ == "LogXML":
            config.pluginmanager.unregister(plugin)
    config.pluginmanager.register(Forwarder(config, pipe))

    def take():
        with counter.get_lock():
            counter.value += 1
            return counter.value - 1

    at = take()
    while at < len(session.items):
        following = take()
        # The next one of this worker: fixtures that both share are kept.
        nextitem = session.items[following] if following < len(session.items) else None
        config.hook.pytest_runtest_protocol(item=session.items[at], nextitem=nextitem)
        at = following


def receive(session, pipe, lock, done):
    while True:
        try:
            data = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        report = session.config.hook.pytest_report_from_serializable(
            config=session.config, data=data
        )
        with lock:
            if report.when == "teardown":
                done.add(report.nodeid)
            session.config.hook.pytest_runtest_logreport(report=report)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    n = min(jobs(), len(session.items))
    if n < 2 or session.config.option.collectonly or session.testsfailed:
        return None
    session.config._tmp_path_factory.getbasetemp()  # one for all workers
    wanted = {item.callspec.params["database"] for item in session.items if "database" in item.fixturenames}
    for kind in wanted:
        SERVERS[kind] = databases.KINDS[kind]()
    try:
        return run_workers(session, n)
    finally:
        for server in SERVERS.values():
            server.close()


def run_workers(session, n):
    counter = multiprocessing.Value("i", 0)
    lock, done, workers = threading.Lock(), set(), []
    sys.stdout.flush()
    for _ in range(n):
        reading, writing = multiprocessing.Pipe(duplex=False)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                harness.die_with_parent()
                work(session, counter, writing)
                status = 0
            finally:
                os._exit(status)
        writing.close()
        workers.append((pid, reading))
    threads = [
        threading.Thread(target=receive, args=(session, reading, lock, done))
        for _, reading in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [os.waitpid(pid, 0)[1] for pid, _ in workers]
    missing = [item.nodeid for item in session.items if item.nodeid not in done]
    if any(statuses) or missing:
        raise session.Failed(f"a worker has died ({statuses}); without result: {missing}")
    if session.testsfailed:
        raise session.Failed(f"{session.testsfailed} failed")
    return True
