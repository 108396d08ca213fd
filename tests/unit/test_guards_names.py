"""Every public callable of the modules through which a node could reach the machine is known.

What is guarded stands in `GUARDED`, or is the same object under another name. What is left alone
stands here, and why. A name that a new Python brings is in neither, and fails.
"""

import importlib
import subprocess
import sys
import warnings

import pytest

from clew.sim.guards import GUARDED, importing
from clew.sim.guards.rows import Plain, Standing

COMPUTES = "computes from what it is given"
FACT = "the same for every process of one machine, and for the next run"
KIND = "a type, whose instances hold what others gave"
WITHIN = "ends in a call that is guarded"
OWN = "concerns this interpreter only, and shows a node nothing"
ORDER = "differs between two runs under different hash seeds, which compares them"

LEFT_ALONE = {
    # module: why: names
    "_random": {},
    "_thread": {
        KIND: "LockType RLock",
        OWN: "daemon_threads_allowed exit exit_thread stack_size",
    },
    "_socket": {
        COMPUTES: "CMSG_LEN CMSG_SPACE htonl htons inet_aton inet_ntoa inet_ntop inet_pton ntohl "
        "ntohs",
        OWN: "getdefaulttimeout",
    },
    "_signal": {
        COMPUTES: "default_int_handler strsignal valid_signals",
        KIND: "struct_siginfo",
        OWN: "getsignal",
    },
    "asyncio": {
        KIND: "AbstractChildWatcher AbstractEventLoop AbstractEventLoopPolicy AbstractServer "
        "BaseEventLoop BaseProtocol BaseTransport BoundedSemaphore BufferedProtocol "
        "DatagramProtocol DatagramTransport DefaultEventLoopPolicy FastChildWatcher Handle "
        "LifoQueue MultiLoopChildWatcher PidfdChildWatcher PriorityQueue Protocol ReadTransport "
        "SafeChildWatcher Server StreamReader StreamReaderProtocol StreamWriter "
        "SubprocessProtocol SubprocessTransport ThreadedChildWatcher TimerHandle Transport "
        "WriteTransport",
        WITHIN: "EventLoop Future SelectorEventLoop Task create_eager_task_factory "
        "eager_task_factory",
        OWN: "current_task get_child_watcher get_event_loop_policy set_child_watcher "
        "set_event_loop_policy",
        COMPUTES: "iscoroutine iscoroutinefunction isfuture",
    },
    "atexit": {},
    "builtins": {
        COMPUTES: "abs aiter all anext any ascii bin bool bytearray bytes callable chr "
        "classmethod compile complex delattr dict dir divmod enumerate eval exec filter float "
        "format getattr globals hasattr hex int isinstance issubclass iter len list locals map "
        "max memoryview min next oct ord pow property range reversed round setattr slice sorted "
        "staticmethod str sum super tuple type vars zip",
        ORDER: "frozenset hash id object repr set",
        WITHIN: "breakpoint help license copyright credits print",
    },
    "concurrent.futures": {
        KIND: "Executor",
        WITHIN: "ProcessPoolExecutor ThreadPoolExecutor as_completed wait",
    },
    "ctypes": {
        COMPUTES: "ARRAY CFUNCTYPE POINTER PYFUNCTYPE SetPointerType addressof alignment byref "
        "cast create_string_buffer create_unicode_buffer pointer resize sizeof c_buffer",
        KIND: "Array BigEndianStructure BigEndianUnion LittleEndianStructure LittleEndianUnion "
        "Structure Union c_bool c_byte c_char c_char_p c_double c_float c_int c_int16 c_int32 "
        "c_int64 c_int8 c_long c_longdouble c_longlong c_short c_size_t c_ssize_t c_time_t "
        "c_ubyte c_uint c_uint16 c_uint32 c_uint64 c_uint8 c_ulong c_ulonglong c_ushort c_void_p "
        "c_voidp c_wchar c_wchar_p py_object",
        WITHIN: "LibraryLoader PyDLL",
        OWN: "get_errno set_errno",
    },
    "datetime": {KIND: "time timedelta timezone tzinfo"},
    "faulthandler": {OWN: "is_enabled"},
    "fcntl": {},
    "gc": {
        OWN: "disable enable freeze get_debug get_threshold isenabled set_threshold unfreeze",
        COMPUTES: "get_referents is_finalized is_tracked",
    },
    "getpass": {FACT: "getuser", WITHIN: "fallback_getpass unix_getpass win_getpass"},
    "importlib": {WITHIN: "find_loader import_module", OWN: "invalidate_caches"},
    "io": {
        KIND: "BufferedIOBase BufferedRWPair BufferedRandom BufferedReader BufferedWriter BytesIO "
        "IOBase IncrementalNewlineDecoder RawIOBase StringIO TextIOBase TextIOWrapper",
        COMPUTES: "text_encoding",
    },
    "locale": {
        COMPUTES: "atof atoi currency delocalize format format_string localize normalize str "
        "strcoll strxfrm",
        FACT: "dcgettext dgettext getdefaultlocale getencoding getlocale gettext localeconv "
        "nl_langinfo",
        OWN: "bind_textdomain_codeset bindtextdomain textdomain",
        WITHIN: "resetlocale",
    },
    "mmap": {WITHIN: "mmap"},
    "multiprocessing": {
        WITHIN: "Array Barrier BoundedSemaphore Condition Event JoinableQueue Lock Manager Pipe "
        "Pool Process Queue RLock Semaphore SimpleQueue Value RawArray RawValue cpu_count",
        OWN: "active_children allow_connection_pickling current_process freeze_support "
        "get_all_start_methods get_context get_logger get_start_method log_to_stderr "
        "parent_process set_executable set_forkserver_preload set_start_method",
    },
    "os": {
        COMPUTES: "WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG "
        "WTERMSIG fsdecode fsencode fspath major makedev minor strerror waitstatus_to_exitcode",
        FACT: "confstr ctermid device_encoding get_exec_path getegid getenv "
        "getenvb geteuid getgid getgrouplist getgroups getlogin getresgid getresuid getuid "
        "getxattr listxattr pathconf sched_get_priority_max sched_get_priority_min "
        "sched_getparam sched_getscheduler sched_rr_get_interval",
        KIND: "DirEntry GenericAlias Mapping MutableMapping PathLike sched_param stat_result "
        "statvfs_result terminal_size times_result uname_result waitid_result",
        OWN: "putenv unsetenv",  # each process of a run has an environment of its own
        WITHIN: "execl execle execlp execlpe execvp execvpe fwalk makedirs popen removedirs "
        "renames spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe walk",
    },
    "platform": {
        FACT: "AndroidVer IOSVersionInfo android_ver architecture freedesktop_os_release ios_ver "
        "java_ver libc_ver mac_ver machine platform python_branch python_build python_compiler "
        "python_implementation python_revision python_version python_version_tuple release "
        "system version win32_edition win32_is_iot win32_ver",
        COMPUTES: "system_alias",
        KIND: "uname_result",
        WITHIN: "processor",
    },
    "pty": {WITHIN: "close fork master_open openpty select setraw slave_open tcgetattr tcsetattr "
            "waitpid"},
    "queue": {KIND: "LifoQueue PriorityQueue deque", COMPUTES: "heappop heappush"},
    "random": {WITHIN: "SystemRandom main"},
    "resource": {FACT: "getpagesize getrlimit", KIND: "struct_rusage"},
    "sched": {KIND: "Event namedtuple count"},
    "secrets": {
        WITHIN: "SystemRandom choice randbelow randbits token_bytes token_hex token_urlsafe",
        COMPUTES: "compare_digest",
    },
    "select": {},
    "selectors": {
        WITHIN: "DefaultSelector EpollSelector PollSelector SelectSelector",
        KIND: "ABCMeta BaseSelector Mapping SelectorKey abstractmethod namedtuple",
    },
    "shutil": {
        WITHIN: "chown copy copy2 copyfile copyfileobj copymode copystat copytree make_archive "
        "move rmtree unpack_archive get_terminal_size",
        OWN: "get_archive_formats get_unpack_formats register_archive_format "
        "register_unpack_format unregister_archive_format unregister_unpack_format",
        COMPUTES: "ignore_patterns",
        FACT: "which",
    },
    "signal": {
        COMPUTES: "default_int_handler strsignal valid_signals",
        KIND: "Handlers Sigmasks Signals struct_siginfo",
        OWN: "getsignal",
    },
    "socket": {
        COMPUTES: "CMSG_LEN CMSG_SPACE htonl htons inet_aton inet_ntoa inet_ntop inet_pton ntohl "
        "ntohs",
        KIND: "AddressFamily AddressInfo IntEnum IntFlag MsgFlag SocketIO SocketKind",
        WITHIN: "has_dualstack_ipv6 recv_fds send_fds",
        OWN: "getdefaulttimeout",
    },
    "sqlite3": {
        KIND: "Binary Blob Cursor Date PrepareProtocol Row Time Timestamp",
        COMPUTES: "DateFromTicks TimeFromTicks TimestampFromTicks adapt complete_statement",
        OWN: "enable_callback_tracebacks enable_shared_cache register_adapter register_converter",
    },
    "ssl": {
        KIND: "AlertDescription DefaultVerifyPaths MemoryBIO Options Purpose SSLContext "
        "SSLErrorNumber SSLObject SSLSession SSLSocket TLSVersion VerifyFlags VerifyMode "
        "namedtuple",
        COMPUTES: "DER_cert_to_PEM_cert PEM_cert_to_DER_cert cert_time_to_seconds "
        "get_protocol_name match_hostname",
        OWN: "RAND_add RAND_status create_default_context get_default_verify_paths",
        WITHIN: "get_server_certificate socket wrap_socket",
    },
    "subprocess": {
        WITHIN: "call check_call check_output getoutput getstatusoutput run",
        KIND: "CompletedProcess",
        COMPUTES: "list2cmdline",
    },
    "sys": {
        COMPUTES: "exc_info exception exit getsizeof intern",
        FACT: "get_asyncgen_hooks get_coroutine_origin_tracking_depth get_int_max_str_digits "
        "getdefaultencoding getdlopenflags getfilesystemencodeerrors getfilesystemencoding "
        "getprofile getrecursionlimit getswitchinterval gettrace is_finalizing "
        "is_stack_trampoline_active",
        OWN: "audit displayhook excepthook set_asyncgen_hooks set_coroutine_origin_tracking_depth "
        "unraisablehook",
        WITHIN: "breakpointhook",
    },
    "syslog": {COMPUTES: "LOG_MASK LOG_UPTO", OWN: "setlogmask"},
    "tempfile": {
        WITHIN: "SpooledTemporaryFile TemporaryDirectory gettempdir gettempdirb mktemp",
        FACT: "gettempprefix gettempprefixb",
    },
    "termios": {},
    "threading": {
        KIND: "BoundedSemaphore ExceptHookArgs RLock WeakSet local",
        WITHIN: "Timer",
        OWN: "currentThread current_thread excepthook getprofile gettrace main_thread stack_size",
    },
    "time": {
        COMPUTES: "mktime strptime struct_time",
        FACT: "clock_getres get_clock_info",
    },
    "tracemalloc": {
        KIND: "BaseFilter DomainFilter Filter Frame Iterable Sequence Snapshot Statistic "
        "StatisticDiff Trace Traceback total_ordering",
        FACT: "get_traceback_limit is_tracing",
    },
    "uuid": {KIND: "Enum SafeUUID UUID", COMPUTES: "bytes_ int_ main uuid3 uuid5"},
}  # fmt: skip
LEFT_ALONE["posix"] = LEFT_ALONE["os"]


def public_callables(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in dir(module):
            value = getattr(module, name)
            error = isinstance(value, type) and issubclass(value, BaseException)
            if not name.startswith("_") and callable(value) and not error:
                yield name, value


def of_guards(name):
    """The first names that rows guard in a module: a class that has a guarded method counts."""
    return {
        row.partition(":")[2].partition(".")[0] for row in GUARDED if row.startswith(f"{name}:")
    }


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_every_name_is_guarded_or_left_alone_for_a_reason(name):
    module = pytest.importorskip(name)
    before = dict(public_callables(module))
    with importing():
        during = dict(public_callables(module))
    # What was first imported while guards stood holds them for good.
    replaced = {
        each
        for each, value in before.items()
        if during[each] is not value or type(value) in {Plain, Standing}
    }
    left = {each for names in LEFT_ALONE[name].values() for each in names.split()}
    unknown = set(before) - replaced - of_guards(name) - left
    assert sorted(unknown) == []


@pytest.mark.parametrize("name", sorted({row.partition(":")[0] for row in GUARDED}))
def test_every_row_stands_somewhere_or_is_of_another_system(name):
    try:
        module = importlib.import_module(name)
    except ImportError:
        pytest.skip("not installed, or not on this system")
    for row in GUARDED:
        if not row.startswith(f"{name}:"):
            continue
        *classes, attribute = row.partition(":")[2].split(".")
        owner = module
        for each in classes:
            owner = getattr(owner, each)
        # A method that is only inherited would be left unguarded without a word.
        assert attribute in vars(owner) or not hasattr(owner, attribute), row


ALONE = """
import importlib, sys
from clew.sim.guards import GUARDED, importing
from clew.sim.guards.rows import Plain, Standing
for name in {names}:
    module = importlib.import_module(name)
    with importing():
        for row in GUARDED:
            attribute = row.partition(":")[2]
            if row.startswith(name + ":") and hasattr(module, attribute):
                assert type(getattr(module, attribute)) in (Plain, Standing, type), row
with importing():
    for name in {libraries}:
        importlib.import_module(name)
"""


def test_a_fresh_interpreter_may_import_anything_while_guards_stand():
    """What is first imported then may derive from what stands for a class of C."""
    names = ["_ssl", "_signal", "_socket", "_sqlite3", "_uuid", "_random", "_queue"]
    libraries = [
        "asyncio", "concurrent.futures.process", "ctypes.util", "dbm.dumb", "email.message",
        "http.server", "logging.handlers", "multiprocessing.shared_memory", "pdb", "queue",
        "selectors", "smtplib", "socketserver", "sqlite3", "ssl", "tarfile", "tempfile",
        "unittest.mock", "urllib.request", "wsgiref.simple_server", "xmlrpc.server", "zipfile",
    ]  # fmt: skip
    script = ALONE.format(names=names, libraries=libraries)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
